"""Golden values of tests/scaler_golden.rs: python make_scaler_golden.py > scaler_golden.json

Needs numpy 2.x and scikit-learn 1.9.1. The inputs are made from small integers with exact arithmetic,
so that the Rust test makes the same bits without a file of numbers: see `column` here and there.
"""
import json
import sys

import numpy as np
import sklearn
from sklearn.preprocessing import StandardScaler

ROWS = 1000


def lcg(seed, n):
    """n values of [0, 1): a 64-bit linear congruential generator's top 53 bits, exact in float64."""
    out, state = [], seed
    for _ in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append((state >> 11) * 2.0**-53)
    return np.array(out)


def columns():
    u = [lcg(seed, ROWS) for seed in range(1, 7)]
    spike = np.zeros(ROWS)
    spike[0] = 1.0
    missing = u[3].copy()
    missing[::7] = np.nan
    total = 0.0
    for value in missing[~np.isnan(missing)]:
        total += value
    fill = total / np.count_nonzero(~np.isnan(missing))
    return {
        "random": u[0],
        "random, scaled and shifted": u[1] * 1000.0 - 300.0,
        "constant": np.full(ROWS, 0.1),
        "constant zero": np.zeros(ROWS),
        "constant huge": np.full(ROWS, 1e17),
        "near-constant below the bound": 1e8 + u[2] * 2.0**-26,
        "near-constant above the bound": 1e8 + u[2] * 2.0**-12,
        "huge offset": 1e12 + u[4],
        "tiny": u[5] * 1e-150,
        "large": u[5] * 1e100,
        "spike": spike,
        "with missing values": missing,
        "missing values as zero": np.nan_to_num(missing, nan=0.0),
        "missing values as mean": np.where(np.isnan(missing), fill, missing),
    }


def main():
    named = columns()
    x = np.ascontiguousarray(np.stack(list(named.values()), axis=1))
    scaler = StandardScaler().fit(x)
    scaled = scaler.transform(x)
    json.dump(
        {
            "scikit_learn": sklearn.__version__,
            "rows": ROWS,
            "columns": [
                {
                    "name": name,
                    "mean": scaler.mean_[i],
                    "scale": scaler.scale_[i],
                    "variance": scaler.var_[i],
                    "scaled_first": [None if np.isnan(v) else v for v in scaled[:4, i]],
                }
                for i, name in enumerate(named)
            ],
        },
        sys.stdout,
        indent=1,
    )
    print()


if __name__ == "__main__":
    main()
