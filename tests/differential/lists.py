"""Random requests, and what is compared of each answer: order, distances, counts, texts, explanations and pages."""
import dataclasses

import grpc
import numpy as np

import filters
from catalogue import GROUPS, NAMES, TEXTS
from reference import Example, Options, contributions
from service import EXPLAINED, query

ROUNDING = 1e-9
TINY = 1e-12


@dataclasses.dataclass
class Request:
    """A request in both forms: for the reference, and for the wire."""
    examples: list
    strategy: str
    options: Options
    filter: str = ""
    page_size: int = 10
    exact: bool = True
    explained: bool = False

    def wire(self, **more):
        plain = self.options
        fields = {"page_size": self.page_size, "exact": self.exact, "filter": self.filter, "diversity": plain.diversity,
                  "include_seeds": plain.include_seeds, "include_duplicates": plain.include_duplicates,
                  "max_per_artist": plain.max_per_artist, "group_weights": plain.group_weights}
        if plain.max_distance is not None:
            fields["max_distance"] = plain.max_distance
        if self.explained:
            fields["view"] = EXPLAINED
        return query.QueryOptions(**fields | more)

    def __str__(self):
        examples = [(one.weight, one.row if one.row is not None else "vector") for one in self.examples]
        plain = {name: value for name, value in vars(self.options).items() if name != "mask" and value}
        return (f"{self.strategy} {examples} {plain} page_size={self.page_size} exact={self.exact}"
                f"{f' filter={self.filter}' if self.filter else ''}")


class Maker:
    """Makes requests over one catalogue. In `lattice` every number of them is exact in binary, so that ties stay ties; in `coarse`
    rounding decides which of two tied ones is first, so that no rule is asked for that depends on it."""

    def __init__(self, random, reference):
        self.random, self.reference = random, reference
        self.dyadic, self.rounded = (reference.catalogue.name == name for name in ("lattice", "coarse"))
        self.texts = filters.rows_of(reference.catalogue)

    def example(self, weight=1.0, outside=0.3):
        random, vectors = self.random, self.reference.catalogue.vectors
        row = int(random.integers(len(vectors)))
        if random.random() >= outside:
            return Example(weight, row)
        if self.dyadic or random.random() < 0.2:
            # A row's own vector from outside is the row.
            return Example(weight, vector=vectors[row].copy())
        return Example(weight, vector=vectors[row] + random.normal(size=len(NAMES)) * 0.3 * self.reference.scaler.scale)

    def examples(self):
        """One row, one vector, or several examples of which some may be unwanted."""
        random = self.random
        kind = random.random()
        if kind < 0.25:
            return [self.example(outside=0.0)], "row"
        if kind < 0.4:
            return [self.example(outside=1.0)], "vector"
        strategy = str(random.choice(["centroid", "best_of", "shared_traits"]))
        if self.dyadic:
            strategy = "best_of" if strategy == "shared_traits" else strategy
            weights = [[1.0], [1.0, 1.0], [2.0, -2.0], [1.0, 1.0, 2.0, -4.0], [4.0, 2.0, 1.0, 1.0], [1.0, 1.0, -1.0, -1.0]]
            return [self.example(weight) for weight in weights[int(random.integers(len(weights)))]], strategy
        wanted, unwanted = int(random.integers(1, 6)), int(random.choice([0, 0, 1, 3]))
        signs = np.array([1.0] * wanted + [-1.0] * unwanted)
        weights = signs * (1.0 if random.random() < 0.3 else np.exp(random.normal(size=len(signs))))
        return [self.example(float(weight)) for weight in weights], strategy

    def request(self, plain=False):
        """Options at random; a `plain` one has none of them."""
        random = self.random
        examples, strategy = self.examples()
        if plain:
            return Request(examples, strategy, Options(), page_size=int(random.choice([1, 10, 50])))
        options = Options(include_seeds=random.random() < 0.3, include_duplicates=random.random() < 0.3)
        text = ""
        if random.random() < 0.4:
            tree = filters.tree(random, self.reference.catalogue.columns)
            text = tree.text(random)
            options.mask = np.array([tree.holds(row) for row in self.texts])
        if random.random() < 0.25 and not self.rounded:
            options.max_per_artist = int(random.choice([1, 2, 5]))
        if random.random() < 0.3:
            groups = random.choice(GROUPS, int(random.integers(1, 4)), replace=False)
            options.group_weights = {str(group): float(random.choice([0.0, 0.25, 4.0, 16.0] if self.dyadic else [0.0, 0.3, 2.5, 1000.0]))
                                     for group in groups}
        if random.random() < 0.3:
            distance = self.reference.target(examples, strategy, options).distance
            options.max_distance = float(np.quantile(distance, random.choice([0.0, 0.05, 0.5])))
            if not self.dyadic:
                # Not the distance of any row: that would be above or below it by rounding.
                options.max_distance *= 1 + 1e-6
        if random.random() < 0.2 and not self.rounded:
            options.diversity = float(random.choice([0.5] if self.dyadic else [0.1, 0.5, 0.9, 1.0]))
        explained = random.random() < 0.1
        size = int(random.choice([1, 7, 10, 100, 300] if not explained else [5, 100]))
        return Request(examples, strategy, options, text, size, True, explained)


def check(comparisons, service, reference, request, pages=2):
    """Asks, page by page, and compares each page with the reference's part of the whole list."""
    comparisons.about = f"{reference.catalogue.name}: {request}"
    target = reference.target(request.examples, request.strategy, request.options)
    expected = reference.listing(target, request.options, pages * request.page_size)
    token, begin = "", 0
    for page in range(pages):
        reply = answer(comparisons, lambda: service.ask(request.examples, request.strategy, request.wire(page_token=token)))
        if reply is None:
            break
        begin = check_page(comparisons, service, reference, request, target, expected, reply, begin)
        token = reply.next_page_token
        if not comparisons.equal("the last page has no token", bool(token), begin < len(expected.rows)) or not token:
            break
    return target, expected


def answer(comparisons, call):
    """The reply, or nothing where the call is refused: no request here should be."""
    try:
        reply = call()
    except grpc.RpcError as error:
        comparisons.holds("answered", False, f"{error.code().name}: {error.details()}")
        return None
    comparisons.holds("answered", True, "")
    return reply


def check_page(comparisons, service, reference, request, target, expected, reply, begin):
    rows = expected.rows[begin:begin + request.page_size]
    got = [one.track.track_index for one in reply.neighbors]
    if comparisons.equal("length", len(got), len(rows)) and got:
        check_order(comparisons, reference, request, target, expected, got, rows, reply)
    check_results(comparisons, service, reference, request, target, reply)
    end = begin + len(rows)
    stats = reply.stats
    comparisons.equal("index version", stats.index_version, service.info.index_version)
    comparisons.equal("matched", stats.matched_track_count, expected.matched)
    if request.exact:
        comparisons.equal("exact", stats.exact, True)
    if request.options.diversity == 0:
        counts = [expected.seeds, expected.duplicates, expected.artists]
        until = len(expected.rows) if end == len(expected.rows) else end - 1
        before = [int(one[until] - (one[begin - 1] if begin else 0)) for one in counts]
        said = [stats.suppressed_seed_count, stats.suppressed_duplicate_count, stats.suppressed_artist_count]
        comparisons.equal("counts", said, before)
    if end == len(expected.rows) and request.options.max_distance is not None:
        comparisons.equal("too far", stats.suppressed_distance_count, expected.too_far)
    comparisons.equal("out of range", sorted(stats.out_of_range_features), sorted(target.out_of_range))
    return end


def check_order(comparisons, reference, request, target, expected, got, rows, reply):
    """Exactly the reference's order; within rounding where no arithmetic is exact, equal ones by row in any case."""
    if got != rows.tolist() and request.options.diversity == 0 and request.options.max_per_artist == 0:
        theirs, ours = target.score[got], target.score[rows]
        near = (np.abs(theirs - ours) <= ROUNDING * ours + TINY).all() and len(set(got)) == len(got)
        comparisons.holds("order", near and set(got) <= set(expected.rows.tolist()), lambda: f"got {got[:20]}, expected {rows.tolist()[:20]}")
    else:
        comparisons.equal("order", got, rows.tolist())
    if request.options.diversity == 0:
        keys = [one.score if one.HasField("score") else one.distance for one in reply.neighbors]
        for (left, row), (right, after) in zip(zip(keys, got), zip(keys[1:], got[1:])):
            comparisons.holds("equal ones by row", left < right or left == right and row < after,
                          lambda: f"row {row} at {left!r} before row {after} at {right!r}")


def check_sound(comparisons, reference, options, target, reply):
    """What holds for approximate answers too: distances are true, and in order, and every result is one that may be listed."""
    rows = [one.track.track_index for one in reply.neighbors]
    comparisons.equal("no track twice", len(rows), len(set(rows)))
    keys = target.score[rows]
    comparisons.holds("best first", (np.diff(keys) >= -ROUNDING * keys[1:] - TINY).all(), lambda: f"{keys[:20]}")
    for one in reply.neighbors:
        row = one.track.track_index
        comparisons.holds("distance", close(one.distance, target.distance[row]),
                          lambda: f"row {row}: got {one.distance!r}, expected {target.distance[row]!r}")
    seeds = set() if options.include_seeds else target.seed_groups
    allowed = all((options.mask is None or options.mask[row]) and reference.group[row] not in seeds and
                  (options.max_distance is None or target.distance[row] <= options.max_distance) for row in rows)
    comparisons.holds("results may be listed", allowed, lambda: f"{rows}")


def close(left, right, scale=1.0):
    return abs(left - right) <= ROUNDING * abs(right) + TINY * scale


def check_results(comparisons, service, reference, request, target, reply):
    """Each result: its texts, distance, score, percentile and explanation."""
    for one in reply.neighbors:
        row = one.track.track_index
        comparisons.equal("texts", texts_of(one.track), texts_at(reference.catalogue, row))
        comparisons.holds("distance", close(one.distance, target.distance[row]),
                      lambda: f"row {row}: got {one.distance!r}, expected {target.distance[row]!r}")
        comparisons.equal("score is there", one.HasField("score"), target.scored)
        if one.HasField("score"):
            comparisons.holds("score", close(one.score, target.score[row], 100),
                          lambda: f"row {row}: got {one.score!r}, expected {target.score[row]!r}")
        check_percentile(comparisons, reference, one)
        if request.explained:
            check_explanation(comparisons, one, reference.scaled[row], target.points[target.nearest[row]])


def check_percentile(comparisons, reference, one):
    """The share of random pairs that are farther apart, within the error of two samples."""
    low, high = reference.pairs.bounds(one.distance)
    comparisons.holds("percentile", low <= one.similarity_percentile <= high,
                  lambda: f"distance {one.distance!r}: got {one.similarity_percentile!r}, expected {low!r} to {high!r}")


def check_explanation(comparisons, one, row, point):
    """All features, all groups, largest first, and that the shares sum to 1."""
    features, groups = contributions(row, point)
    got = {part.feature: part for part in one.contributions}
    if comparisons.equal("explained features", sorted(got), sorted(NAMES)):
        for name, (share, difference) in features.items():
            part = got[name]
            comparisons.holds("feature shares", close(part.share, share) and close(part.delta_std, difference, 100),
                          lambda: f"{name}: got {part.share!r}, {part.delta_std!r}, expected {share!r}, {difference!r}")
    got = {part.feature: part.share for part in one.group_contributions}
    comparisons.holds("group shares", sorted(got) == sorted(GROUPS) and all(close(got[name], share) for name, share in groups.items()),
                  lambda: f"got {got}, expected {groups}")
    for parts in (one.contributions, one.group_contributions):
        shares = [part.share for part in parts]
        comparisons.holds("largest share first", shares == sorted(shares, reverse=True), lambda: f"{shares[:9]}")
        comparisons.holds("shares sum to 1", close(sum(shares), 1.0 if one.distance > 0 else 0.0, 1000), lambda: f"{sum(shares)}")


def texts_of(track):
    return ({name: getattr(track, name) for name in TEXTS}, dict(track.attributes))


def texts_at(catalogue, row):
    attributes = {name: catalogue.columns[name][row] for name in catalogue.attributes()}
    return ({name: catalogue.columns.get(name, {row: ""})[row] for name in TEXTS}, {name: text for name, text in attributes.items() if text})
