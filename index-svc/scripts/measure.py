#!/usr/bin/env python3
"""Recall and time of the blocks engine and its peers: same rows, same queries, one thread, taking turns.

    python -m venv V && V/bin/pip install -r requirements.txt
    cargo bench -p index-svc --bench blocks --no-run        # prints the path of the bench's executable
    V/bin/python measure.py CATALOGUE_DIR --bench EXECUTABLE --out figures.json [--rounds 3] [--only hnswlib,annoy]
        [--filters margin:0.25] [--batches margin:0.25,exact] [--build-only]

CATALOGUE_DIR holds catalogue.csv (id, title, artist, album, genre, then feature columns) and queries.csv (id, then the
same columns). Columns are standard-scaled by the catalogue, kept as f32. Truth is a brute-force scan in f64. Tables, truth
and peers are kept in CATALOGUE_DIR for the next run. Each round runs every setting of every engine once over all queries;
a query's time is a single library call; what is written is the median over rounds of each quantile.
"""
import argparse, json, os, statistics
from peers import K, PEERS, Blocks, np


def table(folder):
    """Scaled f32 rows and queries."""
    if not os.path.exists(f"{folder}/queries.npy"):
        columns = open(f"{folder}/catalogue.csv").readline().count(",") + 1
        load = lambda name, first, last: np.loadtxt(f"{folder}/{name}", delimiter=",", skiprows=1, usecols=range(first, last))
        x, q = load("catalogue.csv", 5, columns), load("queries.csv", 1, columns - 4)
        mean, scale = x.mean(0), x.std(0)
        np.save(f"{folder}/rows.npy", ((x - mean) / scale).astype("<f4"))
        np.save(f"{folder}/queries.npy", ((q - mean) / scale).astype("<f4"))
    return np.load(f"{folder}/rows.npy"), np.load(f"{folder}/queries.npy")


def truth_of(folder, x, queries, permille=1000):
    """The K nearest rows of each query, in f64, ties by row, of the rows a filter allows."""
    path = f"{folder}/truth-{permille}.npy"
    if not os.path.exists(path):
        ids = np.flatnonzero((np.arange(len(x), dtype=np.uint64) * 2654435761 % 2 ** 32) % 1000 < permille)
        best = [(np.empty(0), np.empty(0, int))] * len(queries)
        wide = queries.astype(np.float64)
        for start in range(0, len(ids), 50_000):
            part = ids[start:start + 50_000]
            rows = x[part].astype(np.float64)
            near = (rows ** 2).sum(1)[None] - 2 * wide @ rows.T
            for i, q in enumerate(wide):
                some = np.argpartition(near[i], min(4 * K, len(part) - 1))[:4 * K]
                distance = np.concatenate([best[i][0], ((rows[some] - q) ** 2).sum(1)])
                number = np.concatenate([best[i][1], part[some]])
                order = np.lexsort((number, distance))[:K]
                best[i] = distance[order], number[order]
        np.save(path, np.array([number for _, number in best]))
    return np.load(path)


def recall(found, truth):
    return sum(len(set(t).intersection(f[:K])) for f, t in zip(found, truth.tolist())) / truth.size


def curves(engines, queries, truth, rounds):
    """Every setting of every engine, by turns."""
    runs = {}
    for _ in range(rounds):
        for name, engine in engines.items():
            for setting in engine.settings:
                runs.setdefault((name, setting), []).append(engine.run(queries, setting))
    return [{"engine": name, "setting": str(setting), "recall": recall(rounds[0]["rows"], truth)}
            | {what: float(statistics.median(r[what] for r in rounds)) for what in ("p50", "p99", "mean")}
            | {"p50s": [round(float(r["p50"]), 1) for r in rounds]} for (name, setting), rounds in runs.items()]


def filtered(blocks, folder, x, queries, rounds, effort):
    """Filters that allow 1, 10 and 50 %, against the unfiltered query of the same round."""
    found = []
    for permille in (10, 100, 500):
        truth, runs = truth_of(folder, x, queries, permille), []
        for _ in range(rounds):
            plain = blocks.ask(f"single {effort} {K} 1000")["p50"]
            runs.append(blocks.ask(f"single {effort} {K} {permille}") | {"plain": plain})
        found.append({"effort": effort, "percent": permille / 10, "recall": recall(runs[0]["rows"], truth),
                      "p50": statistics.median(r["p50"] for r in runs),
                      "ratio": statistics.median(r["p50"] / r["plain"] for r in runs)})
    return found


def batched(blocks, truth, rounds, effort):
    """Processor time per query of batches, against single queries of the same round."""
    found = []
    for size in (64, 1000):
        runs = []
        for _ in range(rounds):
            # Three times each: the thread's clock moves in steps.
            single = [blocks.ask(f"single {effort} {K} 1000") for _ in range(3)]
            batch = [blocks.ask(f"batch {effort} {K} {size}") for _ in range(3)]
            mean = lambda some: sum(r["mean"] for r in some) / len(some)
            runs.append((mean(single), mean(batch)))
        found.append({"effort": effort, "size": size, "recall": recall(batch[0]["rows"], truth),
                      "single_recall": recall(single[0]["rows"], truth), "single": statistics.median(s for s, _ in runs),
                      "batch": statistics.median(b for _, b in runs), "gain": statistics.median(s / b for s, b in runs)})
    return found


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder"); p.add_argument("--bench"); p.add_argument("--out"); p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--only", default=",".join(PEERS)); p.add_argument("--build-only", action="store_true")
    p.add_argument("--filters", default=""); p.add_argument("--batches", default="")
    o = p.parse_args()
    x, queries = table(o.folder)
    truth = truth_of(o.folder, x, queries)
    engines = {} if o.build_only else {"blocks": Blocks(o.bench, o.folder)}
    for name in filter(None, o.only.split(",")):
        engines[name] = PEERS[name](x, f"{o.folder}/peers")
        print(name, "built in", round(engines[name].build_cpu, 1), "s of CPU", flush=True)
    if o.build_only:
        return
    figures = {"rows": len(x), "catalogue": os.path.basename(os.path.abspath(o.folder)), "queries": len(queries), "k": K,
               "rounds": o.rounds, "build_cpu": {name: engine.build_cpu for name, engine in engines.items()}}
    figures["curves"] = curves(engines, queries, truth, o.rounds)
    split = lambda text: filter(None, text.split(","))
    figures["filters"] = [f for effort in split(o.filters) for f in filtered(engines["blocks"], o.folder, x, queries, o.rounds, effort)]
    figures["batches"] = [b for effort in split(o.batches) for b in batched(engines["blocks"], truth, o.rounds, effort)]
    for part in ("curves", "filters", "batches"):
        for line in figures[part]:
            print({key: round(value, 4) if isinstance(value, float) else value for key, value in line.items()})
    if o.out:
        json.dump(figures, open(o.out, "w"), indent=1)


if __name__ == "__main__":
    main()
