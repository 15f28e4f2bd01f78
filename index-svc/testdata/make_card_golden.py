"""Golden values of tests/card.rs: python make_card_golden.py > card_golden.json

The model card of the catalogue of make_answers_golden.py by numpy's brute force and
scipy.stats.skew. Needs numpy 2.x, scipy and scikit-learn 1.9.1.
"""
import json
import sys

import numpy as np
import scipy
from make_answers_golden import DIMS, ROWS, lcg
from scipy.stats import skew
from sklearn.preprocessing import StandardScaler

K = 10


def nearest(distances, left_out):
    """The K nearest rows of each row but those of left_out[row], ties by row."""
    kept = np.where(left_out, np.inf, distances)
    return np.argsort(kept, axis=1, kind="stable")[:, :K]


def purity(near, labels):
    counts = np.unique(labels, return_counts=True)[1]
    n = len(labels)
    return {"at_10": float((labels[near] == labels[:, None]).mean()),
            "by_chance": float((counts * (counts - 1)).sum() / (n * (n - 1))), "rows": n}


def spread(values):
    values = np.sort(values.ravel())
    return {f"p{p}": float(values[(len(values) - 1) * p // 100]) for p in (5, 50, 95)}


def main():
    unit = lcg(2026, ROWS * DIMS).reshape(ROWS, DIMS)
    raw = (unit - 0.5) * (1.0 + np.arange(DIMS)) + 10.0 * np.arange(DIMS)
    raw[:, 5] = 3.25
    raw[100] = raw[0]
    raw[200] = raw[0]
    scaled = StandardScaler().fit_transform(np.ascontiguousarray(raw))
    distances = np.sqrt(((scaled[:, None, :] - scaled[None, :, :]) ** 2).sum(axis=2))
    near = nearest(distances, distances == 0)
    rows = np.arange(ROWS)
    hub_counts = np.bincount(near.ravel(), minlength=ROWS)

    distinct = np.setdiff1d(rows, [100, 200])
    inner = distances[np.ix_(distinct, distinct)]
    counts = np.bincount(nearest(inner, np.eye(len(distinct), dtype=bool)).ravel(),
                         minlength=len(distinct))
    card = {
        "sampled_rows": ROWS,
        "duplicates": {"groups": 1, "rows": 3, "largest_group": 3, "largest_group_row": 0},
        "hubness": {"k": K, "rows": len(distinct), "skewness": float(skew(counts)),
                    "orphan_share": float((counts == 0).mean()),
                    "largest_hub_row": int(hub_counts.argmax()),
                    "largest_hub_share": float(hub_counts.max() / ROWS)},
        "artist_purity": purity(near, rows % 7),
        "genre_purity": purity(near, rows % 3),
        "neighbor_distance": spread(np.take_along_axis(distances, near, axis=1)),
    }
    json.dump({"numpy": np.__version__, "scipy": scipy.__version__, "card": card},
              sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
