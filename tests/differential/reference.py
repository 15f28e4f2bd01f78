"""Lists as the contract says they are, computed plainly: every row, in double precision, by numpy alone.

Written from the .proto files and index-svc/README.md, and never from the code of the service.
"""
import dataclasses

import numpy as np

from scaling import Pairs, Scaler, distances
from target import Target

MMR_BLOCK = 512


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
        self.squares = (self.scaled**2).sum(axis=1)
        self.artists = catalogue.columns.get("artist_name", [""] * len(catalogue))

    def groups_at(self, point):
        """Groups of the rows that are exactly equal to a point: one or none."""
        rows = np.flatnonzero(self.scaled[:, 0] == point[0])
        return set(self.group[rows[(self.scaled[rows] == point).all(axis=1)]].tolist())

    def point(self, example):
        return self.scaled[example.row] if example.row is not None else self.scaler(example.vector)

    def target(self, examples, strategy, options):
        return Target(self, examples, strategy, options)

    def listing(self, target, options, length=1000):
        """The rules of a list in their documented order, over all rows, until one more than `length` results are there."""
        if options.diversity > 0:
            length = -(-length // MMR_BLOCK) * MMR_BLOCK
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
            if len(rows) > length:
                break
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
            rows = np.concatenate([self.diversified(rows[:length], target, options.diversity), rows[length:]])
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
