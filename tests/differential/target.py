"""What examples ask for: points, weights of features, the score of every row, and what makes a distance."""
import dataclasses
import functools

import numpy as np

from catalogue import GROUP_OF, GROUPS, NAMES
from scaling import distances

DEVIATIONS_OUT_OF_RANGE = 6.0


@dataclasses.dataclass
class Example:
    """A wanted (positive weight) or unwanted example: a row, or a raw vector from outside."""
    weight: float = 1.0
    row: int | None = None
    vector: np.ndarray | None = None


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
            self.seed_groups |= reference.groups_at(point)
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
        self.scaled, self.weights, self.far = reference.scaled, weights, far
        self.out_of_range = [name for name, off in zip(NAMES, (np.abs(points) > DEVIATIONS_OUT_OF_RANGE).any(axis=0)) if off]

    @functools.cached_property
    def plain(self):
        """Distances of all rows to all wanted points, without weights."""
        return np.array([distances(self.scaled, point) for point in self.points])

    @functools.cached_property
    def distance(self):
        return self.plain.min(axis=0)

    @functools.cached_property
    def nearest(self):
        """Which wanted point is nearest."""
        return self.plain.argmin(axis=0)

    @functools.cached_property
    def score(self):
        """What rows are ordered by."""
        weighted = self.plain if self.weights is None else np.array([distances(self.scaled, point, self.weights) for point in self.points])
        near = (weighted * self.factors[:, None]).min(axis=0)
        if not self.far:
            return near
        away = np.min([factor * distances(self.scaled, point, self.weights) for point, factor in self.far], axis=0)
        return near + np.maximum(0.0, near - away)


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
