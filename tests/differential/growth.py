"""Growth: `append` and `remove` make versions whose lists are those of the rows they say they have, in the scaling of the first."""
import numpy as np

import catalogue as made
import lists
from reference import Reference
from request import Maker
from scaling import Scaler
from service import Service, index, manifest


def grown(comparisons, run):
    """A catalogue that grows by rows with a new attribute and missing values, then loses rows; lists after each step."""
    random = run.random("growth")
    for name in ("coarse", "isotropic"):
        whole = made.coarse(random) if name == "coarse" else made.isotropic(random, 1500)
        count = len(whole) * 2 // 3
        first, second = whole.part(range(count)), whole.part(range(count, len(whole)))
        first.columns = {column: values for column, values in first.columns.items() if column not in ("plays", "my column")}
        second.columns |= {"mood": [str(mood) for mood in random.choice(["calm", "wild", ""], len(second))]}
        if name == "coarse":
            # A column that was constant, and is not any more.
            first.vectors[:, 30] = second.vectors[:, 30] = 12345.678
            second.vectors[:, 30] += random.normal(size=len(second)).round(1)
        tables = [run.scratch / f"growth-{name}-{i}.csv" for i in (0, 1)]
        for table, part in zip(tables, (first, second)):
            made.write_csv(part, table)
        old, new = run.scratch / f"growth-{name}", run.scratch / f"growth-{name}-appended"
        run.binary.build(tables[0], old)
        scaler = Scaler(first.vectors)
        run.binary.run("append", "--index", old, "--input", tables[1], "--output", new, "--profile", made.PROFILE)
        both = first.joined(second)
        comparisons.about = f"growth: {name}"
        checked(comparisons, run, new, both, scaler, "appended")
        twice(comparisons, run, new, tables[1])
        removed(comparisons, run, new, both, scaler)
        refitted(comparisons, run, old, tables, both)


def another_rule(comparisons, run):
    """`append --nan drop` onto an index that fills with zeros: what is dropped is counted, and the version is sound."""
    rows = made.coarse(run.random("rules"), 120)
    first, second = rows.part(range(80)), rows.part(range(80, 120))
    second.vectors[[3, 30], [7, 8]] = np.nan
    tables = [run.scratch / f"rules-{i}.csv" for i in (0, 1)]
    for table, part in zip(tables, (first, second)):
        made.write_csv(part, table)
    old, new = run.scratch / "rules", run.scratch / "rules-appended"
    run.binary.build(tables[0], old)
    run.binary.run("append", "--index", old, "--input", tables[1], "--output", new, "--profile", made.PROFILE, "--nan", "drop")
    whole = ~np.isnan(second.vectors).any(axis=1)
    checked(comparisons, run, new, first.joined(second.part(np.flatnonzero(whole))), Scaler(first.vectors), "another rule", 10)


def checked(comparisons, run, folder, catalogue, scaler, step, requests=60):
    """Lists of a version, its facts, and its own gate."""
    reference = Reference(catalogue, scaler)
    maker = Maker(run.random(catalogue.name, step), reference)
    with Service(run.binary, folder) as service:
        for _ in range(run.count(requests)):
            lists.check(comparisons, service, reference, maker.request())
        comparisons.about = f"growth: {catalogue.name}, {step}"
        comparisons.equal("track count", service.info.track_count, len(catalogue))
        constant = [name for i, name in enumerate(made.NAMES) if np.ptp(catalogue.vectors[:, i]) == 0 or scaler.constant[i] and i == 31]
        comparisons.equal("constant features", sorted(service.info.constant_features), sorted(constant))
    comparisons.runs("validate passes", lambda: run.binary.run("validate", "--index", folder))


def twice(comparisons, run, folder, table):
    """The same job once more has nothing to do, says so, and ends with 0."""
    again = folder.with_name(f"{folder.name}-again")
    comparisons.runs("append of nothing new", lambda: run.binary.run(
        "append", "--index", folder, "--input", table, "--output", again, "--profile", made.PROFILE, "--duplicates", "keep-first"))
    comparisons.holds("no version without a new row", not again.exists(), "a version was made")


def removed(comparisons, run, folder, catalogue, scaler):
    """The last rows take the places of those that go; ids keep their texts and vectors."""
    random = run.random(catalogue.name, "removed")
    gone = set(random.choice(len(catalogue), len(catalogue) // 8, replace=False).tolist())
    names = folder.with_name(f"{folder.name}.gone")
    names.write_text("".join(f"{catalogue.ids[row]}\n" for row in sorted(gone)))
    left = folder.with_name(f"{folder.name}-removed")
    run.binary.run("remove", "--index", folder, "--ids-from", names, "--output", left)
    stay = [row for row in range(len(catalogue)) if row not in gone]
    with Service(run.binary, left) as service:
        rows = {}
        for begin in range(0, len(stay), 1000):
            some = stay[begin:begin + 1000]
            reply = service.stub.BatchLookup(index.BatchLookupRequest(track_ids=[catalogue.ids[row] for row in some]))
            rows |= {result.response.track.track_index: row for result, row in zip(reply.results, some)}
    comparisons.equal("rows stay dense", sorted(rows), list(range(len(stay))))
    moved = [row for new, row in rows.items() if new != row]
    comparisons.holds("only the last rows move", all(row >= len(stay) for row in moved), lambda: f"{moved[:20]}")
    checked(comparisons, run, left, catalogue.part([rows[new] for new in sorted(rows)]), scaler, "removed")


def refitted(comparisons, run, old, tables, both):
    """`--refit` makes what a build of all rows makes, but for the order of attributes: new ones go behind the old ones."""
    whole, again = (old.with_name(f"{old.name}-{name}") for name in ("whole", "refitted"))
    table = old.with_name(f"{old.name}-whole.csv")
    made.write_csv(both, table)
    built = run.binary.build(table, whole)
    run.binary.run("append", "--index", old, "--input", tables[1], "--output", again, "--profile", made.PROFILE, "--refit")
    comparisons.about = f"growth: {both.name}, refitted"
    refitted, built = ({name: digest for name, digest in contents.items() if name != "metadata"}
                       for contents in (manifest(again)["contents"], built["contents"]))
    comparisons.equal("refitted is built", refitted, built)
