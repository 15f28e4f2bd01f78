#!/usr/bin/env python3
"""The forest's recall beside Annoy's, at equal trees and search_k, on generated catalogues.

    python -m venv venv && venv/bin/pip install numpy annoy
    venv/bin/python index-svc/benches/forest/compare.py [--rows 30000] [--queries 500] [--seed 1] [--trees 50]

heavy:     200 clusters of very different sizes and spreads, noise with heavy tails (Student's t, 4 degrees of freedom)
factors:   12 factors of falling weight, and noise of another size in each column
isotropic: independent normal columns, where no tree helps
Both get the same scaled rows of 74 columns, and queries that are not among them.
"""
import argparse
import json
import os
import subprocess
import tempfile

import annoy
import numpy as np

DIMS = 74
EFFORTS = (200, 1000, 5000)
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")


def heavy(count, rng):
    clusters = 200
    share = rng.dirichlet(np.full(clusters, 0.3))
    centre = 3 * rng.standard_normal((clusters, DIMS))
    spread = rng.lognormal(-0.3, 0.8, clusters)
    label = rng.choice(clusters, count, p=share)
    return centre[label] + spread[label][:, None] * rng.standard_t(4, (count, DIMS))


def factors(count, rng):
    latent = 12
    weights = rng.standard_normal((latent, DIMS)) * np.linspace(2, 0.4, latent)[:, None]
    noise = rng.standard_normal((count, DIMS)) * rng.uniform(0.3, 0.8, DIMS)
    return rng.standard_normal((count, latent)) @ weights + noise


def isotropic(count, rng):
    return rng.standard_normal((count, DIMS))


def truth(rows, queries):
    """The ten nearest rows of each query, in double precision among the nearest hundred in single."""
    squares = (queries**2).sum(1)[:, None] - 2 * queries @ rows.T + (rows**2).sum(1)
    near = np.argpartition(squares, 100, 1)[:, :100]
    exact = ((rows[near].astype("f8") - queries[:, None].astype("f8")) ** 2).sum(2)
    return np.take_along_axis(near, np.argsort(exact, 1, kind="stable")[:, :10], 1).astype("<u4")


def annoys(rows, queries, near, trees):
    index = annoy.AnnoyIndex(DIMS, "euclidean")
    index.set_seed(7)
    for row, vector in enumerate(rows):
        index.add_item(row, vector.tolist())
    index.build(trees, 1)

    def recall(effort):
        found = [index.get_nns_by_vector(query.tolist(), 10, search_k=effort) for query in queries]
        return np.mean([len(set(a) & set(b.tolist())) / 10 for a, b in zip(found, near)])

    return [recall(effort) for effort in EFFORTS]


def ours(files, trees):
    command = ["cargo", "bench", "--quiet", "-p", "index-svc", "--bench", "forest", "--", *files, "--trees", str(trees)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    for name, value in (("rows", 30_000), ("queries", 500), ("seed", 1), ("trees", 50)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    print(f"{options.rows} rows, {options.queries} queries, seed {options.seed}, {options.trees} trees; recall at 10")
    print(f"{'catalogue':10} {'search_k':>8} {'Annoy':>7} {'forest':>7} {'scored':>7} {'us':>6}")
    for make in (heavy, factors, isotropic):
        rng = np.random.default_rng(options.seed)
        values = make(options.rows + options.queries, rng)
        values = ((values - values.mean(0)) / values.std(0)).astype("<f4")
        rows, queries = values[: options.rows], values[options.rows :]
        near = truth(rows, queries)
        with tempfile.TemporaryDirectory() as folder:
            files = [os.path.join(folder, name) for name in ("rows.npy", "queries.npy", "truth.npy")]
            for file, table in zip(files, (rows, queries, near)):
                np.save(file, table)
            mine = ours(files, options.trees)
        for effort, theirs, got in zip(EFFORTS, annoys(rows, queries, near, options.trees), mine["at"]):
            print(
                f"{make.__name__:10} {effort:8} {theirs:7.3f} {got['recall']:7.3f} {got['scored']:7.0f} {got['mean_us']:6.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
