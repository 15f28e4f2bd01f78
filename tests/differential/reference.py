"""Lists as the contract says they are, computed plainly: every row, in double precision, by numpy alone.

Written from the .proto files and index-svc/README.md, and never from the code of the service.
"""
import dataclasses

import numpy as np

from catalogue import GROUP_OF, GROUPS, NAMES

DEVIATIONS_OUT_OF_RANGE = 6.0
MMR_BLOCK = 512


class Scaler:
    """Standardisation as scikit-learn's StandardScaler has it: a (nearly) constant column has scale 1."""

    def __init__(self, vectors):
        count = len(vectors)
        self.mean = vectors.mean(axis=0)
        variance = ((vectors - self.mean) ** 2).mean(axis=0)
        eps = np.finfo(np.float64).eps
        self.constant = variance <= count * eps * variance + (count * self.mean * eps) ** 2
        self.scale = np.where(self.constant, 1.0, np.sqrt(variance))

    def __call__(self, vectors):
        return (vectors - self.mean) / self.scale


@dataclasses.dataclass
class Example:
    """A wanted (positive weight) or unwanted example: a row, or a raw vector from outside."""
    weight: float = 1.0
    row: int | None = None
    vector: np.ndarray | None = None


@dataclasses.dataclass
class Options:
    """Those of `QueryOptions` that decide a list."""
    mask: np.ndarray | None = None
    max_distance: float | None = None
    include_seeds: bool = False
    include_duplicates: bool = False
    max_per_artist: int = 0
    diversity: float = 0.0
    group_weights: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Listing:
    """A whole list, best first. `seeds`, `duplicates` and `artists` count what was left out before each result."""
    rows: np.ndarray
    seeds: np.ndarray
    duplicates: np.ndarray
    artists: np.ndarray
    matched: int
    too_far: int


class Reference:
    """An index: rows, the scaler they are compared with, and their texts."""

    def __init__(self, catalogue, scaler=None, random=None):
        self.catalogue = catalogue
        self.scaler = scaler or Scaler(catalogue.vectors)
        self.scaled = self.scaler(catalogue.vectors)
        _, first, self.group = np.unique(self.scaled, axis=0, return_index=True, return_inverse=True)
        self.group = self.group.reshape(-1)
        self.pairs = Pairs(self.scaled, random or np.random.default_rng(0))
        self.artists = catalogue.columns.get("artist_name", [""] * len(catalogue))

    def point(self, example):
        return self.scaled[example.row] if example.row is not None else self.scaler(example.vector)

    def target(self, examples, strategy, options):
        return Target(self, examples, strategy, options)

    def listing(self, target, options, length=1000):
        """The rules of a list in their documented order, over all rows. Diversity orders as many as are looked at: `length`."""
        order = np.lexsort((np.arange(len(self.scaled)), target.score))
        mask = np.ones(len(order), bool) if options.mask is None else options.mask
        order = order[mask[order]]
        matched = len(order)
        if options.max_distance is not None:
            order = order[target.distance[order] <= options.max_distance]
        too_far = matched - len(order)
        seed_groups = set() if options.include_seeds else target.seed_groups
        rows, counts, taken, artists = [], [], set(), {}
        left = [0, 0, 0]
        for row in order.tolist():
            group, artist = self.group[row], self.artists[row]
            if row in target.seed_rows and not options.include_seeds or group in seed_groups:
                left[0] += 1
            elif not options.include_duplicates and group in taken:
                left[1] += 1
            elif options.max_per_artist and artist and artists.get(artist, 0) >= options.max_per_artist:
                left[2] += 1
            else:
                rows.append(row)
                counts.append(tuple(left))
                taken.add(group)
                artists[artist] = artists.get(artist, 0) + 1
        counts.append(tuple(left))
        counts = np.array(counts, dtype=int).reshape(-1, 3)
        rows = np.array(rows, dtype=int)
        if options.diversity > 0:
            until = -(-length // MMR_BLOCK) * MMR_BLOCK
            rows = np.concatenate([self.diversified(rows[:until], target, options.diversity), rows[until:]])
        return Listing(rows, *counts.T, matched, too_far)

    def diversified(self, rows, target, diversity):
        """Maximal marginal relevance among blocks of the 512 best; nearness is to every result before."""
        done, chosen = [], []
        nearest = np.full(len(rows), np.inf)
        for begin in range(0, len(rows), MMR_BLOCK):
            block = list(range(begin, min(begin + MMR_BLOCK, len(rows))))
            while block:
                here = np.array(block)
                if not done:
                    best = int(np.argmin(target.score[rows[here]]))
                else:
                    value = (1 - diversity) * target.score[rows[here]] - diversity * nearest[here]
                    best = int(np.argmin(value))
                chosen = block.pop(best)
                done.append(chosen)
                nearest = np.minimum(nearest, distances(self.scaled[rows], self.scaled[rows[chosen]]))
        return rows[np.array(done, dtype=int)] if done else rows


def distances(rows, point, weights=None):
    """Euclidean distances of rows to a point; weights multiply squared differences."""
    squares = (rows - point) ** 2
    return np.sqrt(squares.sum(axis=1) if weights is None else squares @ weights)


class Target:
    """What rows are compared with: points, weights of features, and the score of every row."""

    def __init__(self, reference, examples, strategy, options):
        points = np.array([reference.point(example) for example in examples])
        weight = np.array([example.weight or 1.0 for example in examples])
        wanted, unwanted = weight > 0, weight < 0
        self.seed_rows = {example.row for example in examples if example.row is not None}
        # Exactly equal tracks are found for vectors from outside too.
        self.seed_groups = set()
        for point in points:
            self.seed_groups |= set(reference.group[(reference.scaled == point).all(axis=1)].tolist())
        features = np.array([options.group_weights.get(group, 1.0) for group in GROUPS])[GROUP_OF]
        self.scored = False
        if strategy == "best_of":
            self.points = points[wanted]
            top = weight.max()
            self.factors = top / weight[wanted]
            far = list(zip(points[unwanted], top / -weight[unwanted]))
            self.scored = bool((self.factors != 1.0).any()) or bool(far)
        else:
            self.points = mean(points[wanted], weight[wanted])[None]
            if strategy == "shared_traits":
                features = features * shared_traits(points[wanted], weight[wanted])
            if unwanted.any():
                share = -weight[unwanted].sum() / np.abs(weight).sum()
                self.points = self.points + share * (self.points - mean(points[unwanted], -weight[unwanted]))
            self.factors, far = np.ones(1), []
        weights = None if (features == 1.0).all() else features
        self.scored = self.scored or weights is not None
        plain = np.array([distances(reference.scaled, point) for point in self.points])
        self.nearest = plain.argmin(axis=0)
        self.distance = plain.min(axis=0)
        # No more is wanted of anything than its ratio to the others, so a weight stands as it is.
        weighted = plain if weights is None else np.array([distances(reference.scaled, point, weights) for point in self.points])
        self.score = (weighted * self.factors[:, None]).min(axis=0)
        if far:
            away = np.min([factor * distances(reference.scaled, point, weights) for point, factor in far], axis=0)
            self.score = self.score + np.maximum(0.0, self.score - away)
        self.out_of_range = [name for name, off in zip(NAMES, (np.abs(points) > DEVIATIONS_OUT_OF_RANGE).any(axis=0)) if off]


def mean(points, weights):
    return (points * weights[:, None]).sum(axis=0) / weights.sum()


def shared_traits(points, weights):
    """Feature weights of mean 1: by the inverse of the variance, drawn towards 1 where examples are few."""
    count = weights.sum() ** 2 / (weights**2).sum()
    variance = mean((points - mean(points, weights)) ** 2, weights)
    features = (count + 2) / (count * variance + 2)
    return features / features.mean()


def contributions(row, point):
    """Shares of features and of groups in the squared distance, largest first, as (name, share, difference)."""
    delta = row - point
    squares = delta**2
    total = squares.sum()
    shares = squares / total if total > 0 else np.zeros_like(squares)
    groups = np.bincount(GROUP_OF, shares, len(GROUPS))
    return ({name: (share, difference) for name, share, difference in zip(NAMES, shares, delta)},
            dict(zip(GROUPS, groups)))


class Pairs:
    """Distances of pairs of different rows: all of them where they are at most a million, else a sample."""

    # As many as the index draws where there are more.
    DRAWN = 1_000_000
    # Percentiles are interpolated between so many quantiles; the nearest of them are counted.
    STEP, COUNTED = 0.001, 0.999
    # The index measures pairs in single precision.
    ROUNDING = 1e-6

    def __init__(self, scaled, random):
        count = len(scaled)
        if count * (count - 1) // 2 <= self.DRAWN:
            left, right = np.triu_indices(count, 1)
            self.error = 0.0
        else:
            left = random.integers(0, count, 400_000)
            right = (left + random.integers(1, count, len(left))) % count
            self.error = 1 / len(left) + 1 / self.DRAWN
        parts = np.array_split(np.arange(len(left)), len(left) // 20_000 + 1)
        self.sorted = np.sort(np.concatenate([np.sqrt(((scaled[left[part]] - scaled[right[part]]) ** 2).sum(axis=1)) for part in parts]))

    def farther(self, distance):
        """Share of pairs that are farther apart."""
        return 1.0 - np.searchsorted(self.sorted, distance, side="right") / len(self.sorted)

    def bounds(self, distance):
        """The least and the largest percentile that rounding, quantiles and the errors of both samples (five deviations) allow."""
        low, high = self.farther(distance * (1 + self.ROUNDING)), self.farther(distance * (1 - self.ROUNDING))

        def spread(share):
            step = self.STEP if share < self.COUNTED else 0.0
            return 5 * np.sqrt(max(share * (1 - share), self.error) * self.error) + step + 1e-9
        return low - spread(low), high + spread(high)
