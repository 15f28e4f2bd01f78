"""Tables: the same rows in every format make the same contents; what is missing becomes what the rule says."""
import numpy as np

import catalogue as made
from scaling import Scaler
from service import Service, index, manifest

WRITERS = {"csv": made.write_csv, "csv.gz": made.write_csv, "jsonl": made.write_jsonl, "jsonl.gz": made.write_jsonl,
           "parquet": made.write_parquet}


def formats(comparisons, run):
    """Every format, and the same table once more: one digest of contents, and one version."""
    rows = made.coarse(run.random("formats"), 300)
    rows.vectors[run.random("holes").random(rows.vectors.shape) < 0.01] = np.nan
    contents = {}
    for suffix, write in WRITERS.items():
        table = run.scratch / f"formats.{suffix}"
        write(rows, table)
        folder = run.scratch / f"formats-{suffix}"
        comparisons.about = f"formats: {suffix}"
        if comparisons.runs("table is read", lambda: run.binary.build(table, folder)):
            contents[suffix] = manifest(folder)["contents"]
    for suffix, got in contents.items():
        comparisons.about = f"formats: {suffix}"
        comparisons.equal("contents by format", got, contents["csv"])
    run.binary.build(run.scratch / "formats.csv", run.scratch / "again")
    for folder in ("formats-csv", "again"):
        with Service(run.binary, run.scratch / folder) as service:
            comparisons.holds("version is 64 hex digits", len(service.info.index_version) == 64, service.info.index_version)
            contents[folder] = service.info.index_version
    comparisons.about = "the same table twice"
    comparisons.equal("same version", contents["formats-csv"], contents["again"])


def missing_values(comparisons, run):
    """`--nan zero|mean|drop|error`: vectors, census, scaler."""
    rows = made.coarse(run.random("missing"), 200)
    random = run.random("which are missing")
    holes = random.random(rows.vectors.shape) < 0.002
    rows.vectors[holes] = np.nan
    table = run.scratch / "missing.csv"
    made.write_csv(rows, table)
    whole = ~holes.any(axis=1)
    expected = {"zero": np.where(holes, 0.0, rows.vectors), "mean": np.where(holes, np.nanmean(rows.vectors, axis=0), rows.vectors),
                "drop": rows.vectors[whole]}
    counts = {name: int(count) for name, count in zip(made.NAMES, holes.sum(axis=0)) if count}
    for rule, vectors in expected.items():
        comparisons.about = f"--nan {rule}"
        folder = run.scratch / f"missing-{rule}"
        run.binary.build(table, folder, "--nan", rule)
        kept = np.flatnonzero(whole) if rule == "drop" else np.arange(len(rows))
        with Service(run.binary, folder) as service:
            reply = service.stub.BatchLookup(index.BatchLookupRequest(track_ids=[rows.ids[row] for row in kept], view=index.LOOKUP_VIEW_FEATURES))
            got = np.array([result.response.feature_vector.values for result in reply.results])
            comparisons.holds("filled vectors", got.shape == vectors.shape and np.allclose(got, vectors, rtol=1e-12, atol=0),
                              lambda: f"shape {got.shape}, expected {vectors.shape}")
            census = service.info.missing_values
            comparisons.equal("census", (census.rule, dict(census.missing_value_counts), census.dropped_row_count),
                              (rule, counts, int((~whole).sum()) if rule == "drop" else 0))
            constant = [name for name, flag in zip(made.NAMES, Scaler(vectors).constant) if flag]
            comparisons.equal("constant features", sorted(service.info.constant_features), sorted(constant))
    comparisons.about = "--nan error"
    run.binary.run("build", "--input", table, "--output", run.scratch / "refused", "--profile", made.PROFILE, "--nan", "error", code=1)
    comparisons.holds("nothing is left behind", not (run.scratch / "refused").exists(), "an index")


def attribute_types(comparisons, run):
    """Numbers, booleans and texts of Parquet are the texts that a CSV has of them."""
    import pyarrow
    import pyarrow.parquet
    rows = made.coarse(run.random("types"), 8)
    columns = {
        "u32": (pyarrow.array([0, 1, 3_000_000_000, 2**32 - 1, None, 7, 8, 9], pyarrow.uint32()), ["0", "1", "3000000000", "4294967295", "", "7", "8", "9"]),
        "u64": (pyarrow.array([0, 2**63, 2**64 - 1, 1, 2, 3, 4, None], pyarrow.uint64()), ["0", str(2**63), str(2**64 - 1), "1", "2", "3", "4", ""]),
        "u8": (pyarrow.array([0, 200, 255, 1, 2, 3, 4, None], pyarrow.uint8()), ["0", "200", "255", "1", "2", "3", "4", ""]),
        "i64": (pyarrow.array([-(2**63), 2**63 - 1, 0, -1, None, 5, 6, 7], pyarrow.int64()), [str(-(2**63)), str(2**63 - 1), "0", "-1", "", "5", "6", "7"]),
        "f32": (pyarrow.array([0.1, 0.5, 3.0, -2.25, None, 1e6, 0.30000001192092896, 7.0], pyarrow.float32()), ["0.1", "0.5", "3", "-2.25", "", "1000000", "0.3", "7"]),
        "f64": (pyarrow.array([0.1, 0.5, 3.0, -2.25, None, 1e6, 0.30000001192092896, 7.0], pyarrow.float64()), ["0.1", "0.5", "3", "-2.25", "", "1000000", "0.30000001192092896", "7"]),
        "flag": (pyarrow.array([True, False, None, True, True, False, False, True]), ["true", "false", "", "true", "true", "false", "false", "true"]),
        "kind": (pyarrow.array(["a", "b", None, "a", "a", "b", "b", "nan"]).dictionary_encode(), ["a", "b", "", "a", "a", "b", "b", ""]),
    }
    table = {"track_id": pyarrow.array(rows.ids)} | {name: pyarrow.array(rows.vectors[:, i]) for i, name in enumerate(made.NAMES)}
    pyarrow.parquet.write_table(pyarrow.table(table | {name: column for name, (column, _) in columns.items()}), run.scratch / "types.parquet")
    comparisons.about = "Parquet, typed columns"
    if not comparisons.runs("typed columns are read", lambda: run.binary.build(run.scratch / "types.parquet", run.scratch / "types")):
        return
    with Service(run.binary, run.scratch / "types") as service:
        for row, track_id in enumerate(rows.ids):
            track = service.stub.Lookup(index.LookupRequest(track_id=track_id)).track
            for name, (_, texts) in columns.items():
                comparisons.about = f"Parquet, column {name}, row {row}"
                comparisons.equal("text of a typed value", track.attributes.get(name, ""), texts[row])


def validated(comparisons, run, names):
    """The gate passes sound indexes, those with near-ties too, against the tables they are of."""
    for name in names:
        _, folder = run.catalogue(name)
        comparisons.about = name
        comparisons.runs("validate passes", lambda: run.binary.run("validate", "--index", folder, "--input", run.scratch / f"{name}.parquet"))
