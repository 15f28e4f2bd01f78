"""Everything around lists: look-ups, batches, explanations of pairs, and what `GetIndexInfo` says of the catalogue."""
import numpy as np
from google.rpc import status_pb2

from catalogue import GROUPS, NAMES, TEXTS
from request import Maker
from results import check_explanation, check_percentile, close, texts_at, texts_of
from service import Service, index

IDS_PER_CALL = 1000


def lookups(comparisons, run, name):
    """Every id leads to its row, texts and raw vector; a stranger to nobody."""
    reference, folder = run.catalogue(name)
    catalogue = reference.catalogue
    with Service(run.binary, folder) as service:
        comparisons.about = name
        for begin in range(0, min(len(catalogue), 3000), IDS_PER_CALL - 1):
            ids = [*catalogue.ids[begin:begin + IDS_PER_CALL - 1], "no such track"]
            reply = service.stub.BatchLookup(index.BatchLookupRequest(track_ids=ids, view=index.LOOKUP_VIEW_FEATURES))
            *found, stranger = reply.results
            for row, result in enumerate(found, begin):
                track = result.response.track
                comparisons.equal("row of an id", track.track_index, row)
                comparisons.equal("texts", texts_of(track), texts_at(catalogue, row))
                comparisons.equal("raw vector", list(result.response.feature_vector.values), catalogue.vectors[row].tolist())
            status = status_pb2.Status.FromString(stranger.error_status)
            comparisons.equal("a stranger is not found", status.code, 5)


def batches(comparisons, run, name, requests):
    """A batch says what each of its requests says alone, to the last bit, exact or not."""
    reference, folder = run.catalogue(name)
    maker = Maker(run.random(name, "batches"), reference)
    with Service(run.binary, folder) as service:
        made = []
        for _ in range(run.count(requests)):
            request = maker.request()
            request.exact, request.page_size = bool(maker.random.integers(2)), min(request.page_size, 20)
            strategy = request.strategy if request.strategy not in ("row", "vector") else "centroid"
            made.append((request, service.recommend_request(request.examples, strategy, request.wire())))
        reply = service.stub.BatchRecommend(index.BatchRecommendRequest(requests=[wire for _, wire in made]))
        for (request, wire), result in zip(made, reply.results):
            comparisons.about = f"{name}: {request}"
            single = service.stub.Recommend(wire)
            # What was looked at may differ: a batch shares its passes.
            for one in (single, result.response):
                one.stats.candidate_count = 0
            comparisons.equal("batch is singles", result.response.SerializeToString(deterministic=True),
                              single.SerializeToString(deterministic=True))


def explained_pairs(comparisons, run, name, pairs):
    """`ExplainDistance`: differences are right minus left."""
    reference, folder = run.catalogue(name)
    maker = Maker(run.random(name, "explained"), reference)
    with Service(run.binary, folder) as service:
        for _ in range(run.count(pairs)):
            left, right = maker.example(), maker.example()
            comparisons.about = f"{name}: {left.row} and {right.row}"
            reply = service.stub.ExplainDistance(index.ExplainDistanceRequest(left=service.seed(left), right=service.seed(right)))
            here, there = reference.point(left), reference.point(right)
            distance = float(np.sqrt(((there - here) ** 2).sum()))
            one = reply.neighbor
            comparisons.holds("explained distance", close(one.distance, distance), lambda: f"got {one.distance!r}, expected {distance!r}")
            check_percentile(comparisons, reference, one)
            if distance > 0:
                check_explanation(comparisons, one, there, here)
            if right.row is not None:
                comparisons.equal("texts", texts_of(one.track), texts_at(reference.catalogue, right.row))
            off = [name for name, far in zip(NAMES, (np.abs([here, there]) > 6).any(axis=0)) if far]
            comparisons.equal("out of range", sorted(reply.out_of_range_features), sorted(off))


def information(comparisons, run, name):
    """The model card: counts, constants, and figures of neighbourhoods where every row is in the sample."""
    reference, folder = run.catalogue(name)
    catalogue = reference.catalogue
    comparisons.about = name
    with Service(run.binary, folder) as service:
        info = service.info
        comparisons.equal("track count", info.track_count, len(catalogue))
        comparisons.equal("feature names", list(info.feature_names), NAMES)
        comparisons.equal("feature groups", list(info.feature_groups), GROUPS)
        comparisons.equal("filter fields", sorted(info.filter_fields), sorted([*TEXTS, *catalogue.attributes()]))
        constant = [name for name, flag in zip(NAMES, reference.scaler.constant) if flag]
        comparisons.equal("constant features", sorted(info.constant_features), sorted(constant))
        check_card(comparisons, info.card, reference)


def check_card(comparisons, card, reference):
    _, sizes = np.unique(reference.group, return_counts=True)
    repeated = sizes[sizes > 1]
    got = card.duplicates
    comparisons.equal("duplicates", (got.group_count, got.row_count, got.largest_group_size),
                      (len(repeated), int(repeated.sum()), int(repeated.max(initial=0))))
    if len(reference.scaled) > 1000:
        return
    comparisons.equal("sampled rows", card.sampled_row_count, len(reference.scaled))
    squares = (reference.scaled**2).sum(axis=1)
    # Whole numbers in `lattice`, so ties are true ones, and go by row.
    apart = squares[:, None] + squares[None] - 2 * reference.scaled @ reference.scaled.T
    # A row and its exact duplicates are no neighbours of it.
    apart[reference.group[:, None] == reference.group[None]] = np.inf
    if reference.catalogue.name != "lattice":
        return
    nearest = np.argsort(apart, axis=1, kind="stable")[:, :10]
    columns = reference.catalogue.columns
    for column, got in (("artist_name", card.artist_purity), ("genre_top", card.genre_purity)):
        values = np.array(columns[column])
        rows = np.flatnonzero(values != "")
        same = (values[nearest[rows]] == values[rows, None]).mean()
        comparisons.holds(f"purity of {column}", close(got.at_10, same), lambda: f"got {got.at_10!r}, expected {same!r}")
        comparisons.equal("rows of a purity", (got.column, got.row_count), (column, len(rows)))
        chance = np.mean([(values == values[row]).sum() - 1 for row in rows]) / (len(values) - 1)
        comparisons.holds(f"chance of {column}", close(got.by_chance, chance), lambda: f"got {got.by_chance!r}, expected {chance!r}")
