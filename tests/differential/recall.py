"""Approximate answers: what they promise is kept, what they say is true, and their pages together are the whole list."""
import numpy as np

import filters
import lists
from reference import Example, Options
from service import Service

# Queries of each length, and most deviations that a mean may be below its promise.
LENGTHS = {1: 240, 10: 160, 100: 60, 1000: 24}
DEVIATIONS = 4.0
# The promise itself is a mean over so many queries; fewer for longer lists.
CALIBRATED = {1: 1000, 10: 1000, 100: 500, 1000: 250}
DEFAULT_TARGET = 0.99


def kinds(random, reference):
    """A track, a vector between tracks, and the centre of several."""
    count, vectors = len(reference.scaled), reference.catalogue.vectors

    def track():
        return [Example(row=int(random.integers(count)))], "row"

    def outside():
        row = int(random.integers(count))
        return [Example(vector=vectors[row] + random.normal(size=vectors.shape[1]) * 0.1 * reference.scaler.scale)], "vector"

    def centre():
        rows = random.choice(count, int(random.integers(2, 11)), replace=False)
        weights = np.ones(len(rows)) if random.random() < 0.5 else np.exp(random.normal(size=len(rows)))
        if len(rows) > 2 and random.random() < 0.3:
            weights[-1] *= -1
        return [Example(float(weight), int(row)) for weight, row in zip(weights, rows)], "centroid"
    return {"track": track, "vector": outside, "centroid": centre}


def promised(comparisons, run, name, engines):
    """Mean recall by engine, kind of query and length, against what each answer promises."""
    reference, folder = run.catalogue(name)
    for engine in engines:
        random = run.random(name, "recall", engine)
        with Service(run.binary, folder, "--engine", engine) as service:
            for kind, make in kinds(random, reference).items():
                for length, queries in LENGTHS.items():
                    comparisons.about = f"{name}, engine {engine}, {kind}, k = {length}"
                    found = [one_recall(comparisons, service, reference, *make(), length) for _ in range(run.count(queries))]
                    judge(comparisons, found, length)


def one_recall(comparisons, service, reference, examples, strategy, length):
    """The recall of one answer, and its promise. Duplicates are kept: each is a neighbour of its own."""
    options = Options(include_duplicates=True)
    request = lists.Request(examples, strategy, options, page_size=length, exact=False)
    reply = service.ask(examples, strategy, request.wire())
    target = reference.target(examples, strategy, options)
    lists.check_sound(comparisons, reference, options, target, reply)
    distance = np.delete(target.distance, sorted(target.seed_rows)) if not target.seed_groups else \
        target.distance[~np.isin(reference.group, list(target.seed_groups))]
    length = min(length, len(distance))
    farthest = np.partition(distance, length - 1)[length - 1]
    got = sum(one.distance <= farthest * (1 + 1e-9) for one in reply.neighbors) / length
    comparisons.equal("full length", len(reply.neighbors), length)
    exact = reply.stats.exact
    comparisons.equal("promise is there", reply.stats.HasField("promised_recall"), True)
    comparisons.holds("promise is no less than the target", reply.stats.promised_recall >= DEFAULT_TARGET, reply.stats.promised_recall)
    if exact:
        comparisons.equal("exact is exact", (got, reply.stats.promised_recall), (1.0, 1.0))
    return got, reply.stats.promised_recall


def judge(comparisons, found, length):
    got, promise = np.array(found).T
    # A sample without a miss says nothing of its deviation: that of the promise, by chance, stands in.
    deviation = max(float((got - promise).std()), float(np.sqrt(promise.mean() * (1 - promise.mean()) / length)))
    error = deviation * np.sqrt(1 / len(got) + 1 / CALIBRATED[length])
    comparisons.holds("promised recall", got.mean() >= promise.mean() - DEVIATIONS * error,
                      lambda: f"{got.mean():.4f} over {len(got)} queries where {promise.mean():.4f} is promised, error {error:.4f}, least {got.min():.3f}")


def pages(comparisons, run, name, requests):
    """A first page may be approximate; the pages behind it are exact and without its rows, and together they are the list."""
    reference, folder = run.catalogue(name)
    random = run.random(name, "pages")
    maker = lists.Maker(random, reference)
    with Service(run.binary, folder) as service:
        for _ in range(run.count(requests)):
            request = maker.request()
            request.exact, request.page_size = False, int(random.choice([20, 150, 1000]))
            request.options.diversity, request.explained = 0.0, False
            if request.options.mask is None or request.options.mask.sum() > 4000:
                test = filters.Compare("artist_name", "<", str(random.choice(["Artist 12", "Artist 15", "Artist 105"])))
                request.filter, request.options.mask = test.text(random), np.array([test.holds(row) for row in maker.texts])
            walk(comparisons, service, reference, request)


def walk(comparisons, service, reference, request):
    comparisons.about = f"{reference.catalogue.name}: {request}"
    target = reference.target(request.examples, request.strategy, request.options)
    expected = reference.listing(target, request.options)
    got, first, token = [], [], ""
    while len(got) < 6000:
        reply = lists.answer(comparisons, lambda: service.ask(request.examples, request.strategy, request.wire(page_token=token)))
        if reply is None:
            return
        lists.check_sound(comparisons, reference, request.options, target, reply)
        rows = [one.track.track_index for one in reply.neighbors]
        if token:
            comparisons.equal("later pages are exact", reply.stats.exact, True)
        else:
            first = rows
        got += rows
        token = reply.next_page_token
        if not token:
            break
    comparisons.equal("no track twice", len(got), len(set(got)))
    if request.options.max_per_artist == 0:
        missed = set(first)
        rest = [row for row in expected.rows.tolist() if row not in missed]
        if token:
            rest = rest[:len(got) - len(first)]
        comparisons.equal("later pages are the rest", got[len(first):], rest)
