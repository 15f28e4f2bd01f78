"""Golden values of tests/answers.rs: python make_answers_golden.py > answers_golden.json

Nearest neighbours by numpy brute force over a small catalogue that the Rust test makes too (see
tests/catalogue/mod.rs): 400 rows of 74 columns from a linear congruential generator, column 5
constant, rows 100 and 200 copies of row 0. Needs numpy 2.x and scikit-learn 1.9.1.
"""
import json
import sys

import numpy as np
import sklearn
from sklearn.preprocessing import StandardScaler

ROWS, DIMS, K = 400, 74, 12


def lcg(seed, n):
    """n values of [0, 1): a 64-bit linear congruential generator's top 53 bits, exact in float64."""
    out, state = [], seed
    for _ in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append((state >> 11) * 2.0**-53)
    return np.array(out)


def main():
    unit = lcg(2026, ROWS * DIMS).reshape(ROWS, DIMS)
    raw = (unit - 0.5) * (1.0 + np.arange(DIMS)) + 10.0 * np.arange(DIMS)
    raw[:, 5] = 3.25
    raw[100] = raw[0]
    raw[200] = raw[0]
    scaler = StandardScaler().fit(np.ascontiguousarray(raw))
    scaled = scaler.transform(raw)
    held_out = (lcg(7, DIMS) - 0.5) * (1.0 + np.arange(DIMS)) + 10.0 * np.arange(DIMS)
    held_out[5] = 3.25
    answers = []
    for name, query in [("row 0", scaled[0]), ("row 17", scaled[17]), ("row 399", scaled[399]),
                        ("held out", scaler.transform(held_out[None])[0])]:
        distances = np.sqrt(((scaled - query) ** 2).sum(axis=1))
        order = np.argsort(distances, kind="stable")[:K]
        answers.append({"query": name, "rows": order.tolist(), "distances": distances[order].tolist()})
    json.dump({"numpy": np.__version__, "scikit_learn": sklearn.__version__, "answers": answers},
              sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
