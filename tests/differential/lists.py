"""What is compared of a list: its order, length, pages and counts, page by page."""
import grpc
import numpy as np

from results import ROUNDING, TINY, check_results, close


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
    check_results(comparisons, reference, request, target, reply)
    end = begin + len(rows)
    stats = reply.stats
    comparisons.equal("index version", stats.index_version, service.info.index_version)
    comparisons.equal("matched", stats.matched_track_count, expected.matched)
    if request.exact:
        comparisons.equal("exact", stats.exact, True)
    # In `coarse`, rounding decides whether one that is left out ranks before or behind a result it ties with.
    whole = begin == 0 and end == len(expected.rows)
    if request.options.diversity == 0 and (whole or reference.catalogue.name != "coarse"):
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
