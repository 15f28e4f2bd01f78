"""The scaled space: standardisation, distances, and the distances of pairs that percentiles are of."""
import numpy as np


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


def distances(rows, point, weights=None):
    """Euclidean distances of rows to a point; weights multiply squared differences.

    No matrix product: it rounds equal rows differently by where they lie, and equal rows are equally far."""
    squares = (rows - point) ** 2
    return np.sqrt((squares if weights is None else squares * weights).sum(axis=1))


def nearest_pairs(scaled, most):
    """Distances of all pairs of different rows that are nearer than `most`, in order.

    Single-precision products find them, with a margin for their rounding; they are measured in double precision."""
    rows = scaled.astype(np.float32)
    squares = (rows ** 2).sum(axis=1)
    margin = 1e-5 * float(squares.max())
    found = []
    for start in range(0, len(rows), 2_000):
        part = slice(start, start + 2_000)
        near = squares[part, None] + squares[None, start:] - 2 * rows[part] @ rows[start:].T < most ** 2 + margin
        left, right = np.nonzero(near)
        left, right = left[right > left] + start, right[right > left] + start
        found.append(np.sqrt(((scaled[left] - scaled[right]) ** 2).sum(axis=1)))
    found = np.concatenate(found)
    return np.sort(found[found < most])


class Pairs:
    """Distances of pairs of different rows: all of them where they are at most a million, else a sample and all that are near."""

    # As many as the index draws where there are more.
    DRAWN = 1_000_000
    # Percentiles are interpolated between so many quantiles; the nearest of them are counted.
    STEP, COUNTED = 0.001, 0.999
    # The index measures pairs in single precision.
    ROUNDING = 1e-6

    def __init__(self, scaled, random):
        count = len(scaled)
        self.total = count * (count - 1) // 2
        # Nearer than this all pairs are known. Of the few that are so near a sample would have too few to tell its own error.
        self.known = -np.inf
        if self.total <= self.DRAWN:
            left, right = np.triu_indices(count, 1)
            self.error = 0.0
        else:
            left = random.integers(0, count, 400_000)
            right = (left + random.integers(1, count, len(left))) % count
            self.error = 1 / len(left) + 1 / self.DRAWN
        parts = np.array_split(np.arange(len(left)), len(left) // 20_000 + 1)
        self.sorted = np.sort(np.concatenate([np.sqrt(((scaled[left[part]] - scaled[right[part]]) ** 2).sum(axis=1)) for part in parts]))
        if self.error:
            self.known = float(np.quantile(self.sorted, 1.5 * self.STEP))
            self.nearest = nearest_pairs(scaled, self.known)

    def farther(self, distance):
        """Share of pairs that are farther apart, and the error of both samples: one over their lengths."""
        if distance < self.known:
            return 1.0 - np.searchsorted(self.nearest, distance, side="right") / self.total, 1 / self.DRAWN
        return 1.0 - np.searchsorted(self.sorted, distance, side="right") / len(self.sorted), self.error

    def bounds(self, distance):
        """The least and the largest percentile that rounding, quantiles and the errors of both samples (five deviations) allow."""
        low, high = (self.farther(distance * (1 + sign * self.ROUNDING) + sign * self.ROUNDING) for sign in (1, -1))

        def spread(share, error):
            step = self.STEP if share < self.COUNTED else 0.0
            return 5 * np.sqrt(max(share * (1 - share), error) * error) + step + 1e-9
        return low[0] - spread(*low), high[0] + spread(*high)
