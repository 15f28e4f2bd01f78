"""Approximate answers: what they promise is kept, what they say is true, and their pages together are the whole list."""
import numpy as np

import filters
import lists
from reference import Options
from request import Maker, Request
from results import ROUNDING, TINY
from scaling import distances
from service import Service
from target import Example

# Queries of each length, and most deviations that a mean may be below its promise.
LENGTHS = {1: 240, 10: 160, 100: 60, 1000: 24}
DEVIATIONS = 4.0
# The promise itself is a mean over so many queries; fewer for longer lists.
CALIBRATED = {1: 250, 10: 250, 100: 250, 1000: 63}
DEFAULT_TARGET = 0.99
# Deviations of every feature of a vector that lies farther from all tracks than these from each other.
FAR = (5, 30, 1000, 1e5)


# What is asked of a list that is filtered: a seventh of the rows, and a fortieth.
FILTERS = (filters.Compare("genre_top", "=", "Jazz"),
           filters.Joined("AND", [filters.Compare("year", "=", filters.as_number("1990")), filters.Compare("plays", "=", filters.as_number("25"))]))


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
    """Mean recall by engine, kind of query and length, against what each answer promises; other targets and filters at 10."""
    reference, folder = run.catalogue(name)
    texts = filters.rows_of(reference.catalogue)
    masks = [(test.text(filters.Always), np.array([test.holds(row) for row in texts])) for test in FILTERS]
    for engine in engines:
        random = run.random(name, "recall", engine)
        with Service(run.binary, folder, "--engine", engine) as service:
            def judged(about, make, length, **options):
                comparisons.about = f"{name}, engine {engine}, {about}, k = {length}"
                queries = run.count(LENGTHS[length])
                judge(comparisons, [one_recall(comparisons, service, reference, *make(), length, **options) for _ in range(queries)], length)
            made = kinds(random, reference)
            for kind, make in made.items():
                for length in LENGTHS:
                    judged(kind, make, length)
            for target in (0.9, 0.999):
                judged(f"track, target {target}", made["track"], 10, aim=target)
            for mask in masks:
                judged(f"track, {mask[0]}", made["track"], 10, mask=mask)


def far(comparisons, run, name, engines):
    """Vectors farther out than tracks are: recall was not measured there, so they are answered exactly."""
    reference, folder = run.catalogue(name)
    centre, spread = reference.catalogue.vectors.mean(0), reference.catalogue.vectors.std(0)
    for engine in engines:
        random = run.random(name, "far", engine)
        with Service(run.binary, folder, "--engine", engine) as service:
            for deviations in FAR:
                comparisons.about = f"{name}, engine {engine}, {deviations} deviations out"
                for _ in range(run.count(8)):
                    vector = centre + deviations * spread * random.normal(size=len(centre))
                    got, promise = one_recall(comparisons, service, reference, [Example(vector=vector)], "vector", 10)
                    comparisons.equal("far is exact", (got, promise), (1.0, 1.0))


def one_recall(comparisons, service, reference, examples, strategy, length, aim=None, mask=None):
    """The recall of one answer, and its promise. Duplicates are kept: each is a neighbour of its own."""
    request = Request(examples, strategy, Options(include_duplicates=True), page_size=length, exact=False)
    more = {} if aim is None else {"target_recall": aim}
    reply = service.ask(examples, strategy, request.wire(filter=mask[0] if mask else "", **more))
    target = reference.target(examples, strategy, request.options)
    [point] = target.points
    # By the binomial formula, which is fast; exact where it decides nothing but a rank.
    squared = np.maximum(reference.squares - 2 * reference.scaled @ point + point @ point, 0.0)
    left = ~np.isin(reference.group, list(target.seed_groups))
    squared = squared[left & mask[1] if mask else left]
    length = min(length, len(squared))
    farthest = np.sqrt(np.partition(squared, length - 1)[length - 1])
    rows = [one.track.track_index for one in reply.neighbors]
    true, said = distances(reference.scaled[rows], point), np.array([one.distance for one in reply.neighbors])
    comparisons.equal("full length", len(rows), length)
    comparisons.equal("no track twice", len(rows), len(set(rows)))
    comparisons.holds("distance", (np.abs(true - said) <= ROUNDING * true + TINY).all(), lambda: f"got {said[:9]}, expected {true[:9]}")
    comparisons.holds("best first", (np.diff(said) >= 0).all(), lambda: f"{said[:20]}")
    listed = not target.seed_groups.intersection(reference.group[rows].tolist()) and (mask is None or mask[1][rows].all())
    comparisons.holds("results may be listed", listed, lambda: f"{rows[:20]}")
    got = int((true <= farthest * (1 + 1e-9)).sum()) / length
    stats = reply.stats
    comparisons.equal("promise is there", stats.HasField("promised_recall"), True)
    comparisons.holds("promise is no less than the target", stats.promised_recall >= (aim or DEFAULT_TARGET), lambda: f"{stats.promised_recall}")
    if stats.exact:
        comparisons.equal("exact is exact", (got, stats.promised_recall), (1.0, 1.0))
    return got, stats.promised_recall


def judge(comparisons, found, length):
    got, promise = np.array(found).T
    # A sample without a miss says nothing of its deviation: that of the promise, by chance, stands in.
    deviation = max(float((got - promise).std()), float(np.sqrt(promise.mean() * (1 - promise.mean()) / length)))
    error = deviation * np.sqrt(1 / len(got) + 1 / CALIBRATED[length])
    comparisons.holds("promised recall", got.mean() >= promise.mean() - DEVIATIONS * error,
                      lambda: f"{got.mean():.4f} over {len(got)} queries where {promise.mean():.4f} is promised, error {error:.4f}, least {got.min():.3f}")


def best_first(comparisons, run, name, requests):
    """Lists for several wanted examples of unequal weight are best first, however long, and whatever they missed."""
    reference, folder = run.catalogue(name)
    random = run.random(name, "best first")
    maker = Maker(random, reference)
    with Service(run.binary, folder) as service:
        for _ in range(run.count(requests)):
            examples = [maker.example(float(weight)) for weight in np.exp(random.normal(size=int(random.integers(2, 4))) * 1.5)]
            request = Request(examples, "best_of", Options(), page_size=int(random.choice([10, 100, 1000])), exact=False)
            target = reference.target(examples, "best_of", request.options)
            if random.random() < 0.3:
                request.options.max_distance = float(np.partition(target.distance, 2000)[2000])
            comparisons.about = f"{name}: {request}"
            reply = service.ask(examples, "best_of", request.wire())
            lists.check_sound(comparisons, reference, request.options, target, reply)


def pages(comparisons, run, name, requests):
    """A first page may be approximate; the pages behind it are exact and without its rows, and together they are the list."""
    reference, folder = run.catalogue(name)
    random = run.random(name, "pages")
    maker = Maker(random, reference)
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
    expected = reference.listing(target, request.options, len(reference.scaled))
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
