"""What is compared of each result: its texts, distance, score, percentile and explanation."""
from catalogue import GROUPS, NAMES, TEXTS
from target import contributions

# Relative, of double precision over 74 features; and absolute, where a distance is a rounding error.
ROUNDING, TINY = 1e-9, 1e-12
# Below this a distance is made of rounding errors, and so are shares in it.
NOTHING = 1e-6


def close(left, right, scale=1.0):
    return abs(left - right) <= ROUNDING * abs(right) + TINY * scale


def check_results(comparisons, reference, request, target, reply):
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
        if request.explained and (one.distance > NOTHING or one.distance == target.distance[row] == 0):
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
    attributes = {name: catalogue.text(name, row) for name in catalogue.attributes()}
    return ({name: catalogue.columns.get(name, {row: ""})[row] for name in TEXTS}, {name: text for name, text in attributes.items() if text})
