#!/usr/bin/env python3
"""The blocks engine beside annoy, hnswlib, faiss and voyager: same rows, same queries, one thread, taking turns.

    python -m venv V && V/bin/pip install -r requirements.txt
    cargo bench -p index-svc --bench blocks --no-run        # prints the path of the bench's executable
    V/bin/python peers.py CATALOGUE_DIR --bench EXECUTABLE [--rounds 5] [--only blocks,hnswlib] [--filters] [--batches]

CATALOGUE_DIR holds catalogue.csv (id, title, artist, album, genre, then feature columns) and queries.csv (id, then the
same columns). Columns are standard-scaled by the catalogue, kept as f32. Truth is a brute-force scan in f64.
Each round runs every setting of every engine once over all queries; a query's time is a single library call. Printed is
the least over rounds of each quantile (a shared machine only adds time), and the median ratio within rounds against hnswlib.
"""
import argparse, json, os, subprocess, sys, time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np

K = 10


def table(folder):
    """Scaled f32 rows and queries, made once per folder."""
    rows, queries = f"{folder}/rows.npy", f"{folder}/queries.npy"
    if not (os.path.exists(rows) and os.path.exists(queries)):
        columns = open(f"{folder}/catalogue.csv").readline().count(",") + 1
        load = lambda name, first, last: np.loadtxt(f"{folder}/{name}", delimiter=",", skiprows=1, usecols=range(first, last))
        x, q = load("catalogue.csv", 5, columns), load("queries.csv", 1, columns - 4)
        mean, scale = x.mean(0), x.std(0)
        np.save(rows, ((x - mean) / scale).astype("<f4"))
        np.save(queries, ((q - mean) / scale).astype("<f4"))
    return np.load(rows), np.load(queries)


def truth_of(x, queries, allowed=None):
    """The K nearest rows of each query, in f64, ties by row."""
    ids = np.arange(len(x)) if allowed is None else np.flatnonzero(allowed)
    best = [(np.empty(0), np.empty(0, int))] * len(queries)
    for start in range(0, len(ids), 50_000):
        part = ids[start:start + 50_000]
        rows = x[part].astype(np.float64)
        near = (rows ** 2).sum(1)[None] - 2 * queries.astype(np.float64) @ rows.T
        for i, q in enumerate(queries.astype(np.float64)):
            some = np.argpartition(near[i], min(4 * K, len(part) - 1))[:4 * K]
            distance = np.concatenate([best[i][0], ((rows[some] - q) ** 2).sum(1)])
            number = np.concatenate([best[i][1], part[some]])
            order = np.lexsort((number, distance))[:K]
            best[i] = distance[order], number[order]
    return [set(number.tolist()) for _, number in best]


def recall(found, truth):
    return sum(len(t.intersection(f[:K])) for f, t in zip(found, truth)) / sum(map(len, truth))


def each(queries, search):
    """Times one call per query."""
    times, found = np.empty(len(queries)), []
    clock = time.perf_counter
    for i, query in enumerate(queries):
        start = clock()
        ids = search(query)
        times[i] = clock() - start
        found.append([int(row) for row in np.asarray(ids).ravel()])
    return {"p50": np.quantile(times, .5) * 1e6, "p99": np.quantile(times, .99) * 1e6, "mean": times.mean() * 1e6, "rows": found}


class Blocks:
    def __init__(self, executable, folder):
        words = [executable, "--table", f"{folder}/rows.npy", f"{folder}/queries.npy", "--serve"]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = json.loads(self.process.stdout.readline())
        self.build_cpu = self.about["build_cpu_s"]

    def ask(self, line):
        self.process.stdin.write(line + "\n"); self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    settings = ["margin:0.1", "margin:0.13", "margin:0.16", "margin:0.2", "margin:0.25", "margin:0.3", "exact"]

    def run(self, _, setting):
        return self.ask(f"single {setting} {K} 1000")


class Hnswlib:
    settings = [20, 30, 50, 80, 120, 200, 400]

    def __init__(self, x):
        import hnswlib
        self.index = hnswlib.Index("l2", x.shape[1])
        self.index.init_index(len(x), M=16, ef_construction=80 if len(x) > 500_000 else 200, random_seed=7)
        self.index.set_num_threads(1)
        self.index.add_items(x, num_threads=1)

    def run(self, queries, ef):
        self.index.set_ef(ef)
        return each(queries, lambda q: self.index.knn_query(q, K, num_threads=1)[0])


class Annoy:
    settings = [None, 2_000, 8_000, 20_000, 50_000]

    def __init__(self, x):
        import annoy
        self.index = annoy.AnnoyIndex(x.shape[1], "euclidean")
        self.index.set_seed(7)
        for i, row in enumerate(x):
            self.index.add_item(i, row)
        self.index.build(50, n_jobs=1)

    def run(self, queries, search_k):
        return each(queries, lambda q: self.index.get_nns_by_vector(q, K, -1 if search_k is None else search_k))


class FaissIvf:
    settings = [4, 8, 16, 32, 64]

    def __init__(self, x):
        import faiss
        faiss.omp_set_num_threads(1)
        lists = 512 if len(x) < 500_000 else 2048
        self.index = faiss.IndexIVFFlat(faiss.IndexFlatL2(x.shape[1]), x.shape[1], lists)
        self.index.train(x[np.random.default_rng(7).choice(len(x), min(len(x), lists * 64), replace=False)])
        self.index.add(x)

    def run(self, queries, nprobe):
        self.index.nprobe = nprobe
        return each(queries, lambda q: self.index.search(q[None], K)[1])


class Voyager:
    settings = [20, 50, 120, 200]

    def __init__(self, x):
        import voyager
        self.index = voyager.Index(voyager.Space.Euclidean, x.shape[1], M=16, ef_construction=80 if len(x) > 500_000 else 200,
                                   random_seed=7)
        self.index.add_items(x, num_threads=1)

    def run(self, queries, ef):
        return each(queries, lambda q: self.index.query(q, K, query_ef=ef)[0])


PEERS = {"hnswlib": Hnswlib, "annoy": Annoy, "faiss-ivf": FaissIvf, "voyager": Voyager}


def at_recall(results, name, least):
    """The fastest setting of an engine that reaches a recall."""
    fitting = [(r["p50"], r) for (engine, _), r in results.items() if engine == name and r["recall"] >= least]
    return min(fitting, key=lambda f: f[0])[1] if fitting else None


def filters(blocks, x, queries, rounds, effort):
    hashed = (np.arange(len(x), dtype=np.uint64) * 2654435761 % 2 ** 32) % 1000
    print(f"\nfilters at {effort}: share allowed, recall@{K}, p50 us, p50 over the unfiltered p50 of the same round")
    truths = {permille: truth_of(x, queries, hashed < permille) for permille in (10, 100, 500)}
    runs = {permille: [] for permille in truths}
    for _ in range(rounds):
        plain = blocks.ask(f"single {effort} {K} 1000")["p50"]
        for permille in truths:
            run = blocks.ask(f"single {effort} {K} {permille}")
            runs[permille].append((run["p50"], run["p50"] / plain, run["rows"]))
    for permille, run in runs.items():
        found = recall(run[0][2], truths[permille])
        print(f"{permille / 10:5.1f} %  {found:.4f}  {min(r[0] for r in run):8.1f}  {np.median([r[1] for r in run]):6.2f}")


def batches(blocks, rounds):
    print("\nbatches: effort, size, CPU us per query, single, throughput over single ones (totals of all rounds)")
    for effort in ("margin:0.13", "margin:0.25", "exact"):
        for size in (8, 64, 1000):
            single = batch = 0.0
            for _ in range(4 * rounds):
                single += blocks.ask(f"single {effort} {K} 1000")["cpu"]
                batch += blocks.ask(f"batch {effort} {K} {size}")["cpu"]
            print(f"{effort:12s} {size:5d}  {batch / rounds / 4:8.1f}  {single / rounds / 4:8.1f}  {single / batch:6.2f}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder"); p.add_argument("--bench", required=True); p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--only", default="hnswlib,annoy,faiss-ivf,voyager"); p.add_argument("--effort", default="margin:0.2")
    p.add_argument("--filters", action="store_true"); p.add_argument("--batches", action="store_true")
    o = p.parse_args()
    x, queries = table(o.folder)
    truth = truth_of(x, queries)
    engines = {"blocks": Blocks(o.bench, o.folder)}
    print(f"{len(x)} rows, {x.shape[1]} columns, {len(queries)} queries, k = {K}, load {os.getloadavg()[0]:.1f}")
    print("build, seconds of CPU: blocks", engines["blocks"].build_cpu, end="", flush=True)
    for name in filter(None, o.only.split(",")):
        start = time.process_time()
        engines[name] = PEERS[name](x)
        engines[name].build_cpu = time.process_time() - start
        print(f", {name} {engines[name].build_cpu:.1f}", end="", flush=True)
    runs = {}
    for _ in range(o.rounds):
        for name, engine in engines.items():
            for setting in engine.settings:
                runs.setdefault((name, setting), []).append(engine.run(queries, setting))
    results = {}
    print(f"\n\nengine      setting       recall@{K}    p50 us    p99 us   mean us")
    for key, rounds in runs.items():
        least = {what: min(r[what] for r in rounds) for what in ("p50", "p99", "mean")}
        results[key] = least | {"recall": recall(rounds[0]["rows"], truth), "setting": key[1], "p50s": [r["p50"] for r in rounds]}
        r = results[key]
        print(f"{key[0]:11s} {str(key[1]):12s} {r['recall']:9.4f} {r['p50']:10.1f} {r['p99']:9.1f} {r['mean']:9.1f}")
    print("\nblocks' p50 over each peer's p50, the fastest setting of each that reaches the recall (median of rounds)")
    for least in (.95, .97, .99):
        ours = at_recall(results, "blocks", least)
        for name in list(engines)[1:]:
            theirs = at_recall(results, name, least)
            if ours and theirs:
                ratio = np.median([a / b for a, b in zip(ours["p50s"], theirs["p50s"])])
                print(f"recall {least}: blocks {ours['setting']} ({ours['recall']:.4f}) / {name} {theirs['setting']} "
                      f"({theirs['recall']:.4f}) = {ratio:.2f}")
            elif ours:
                print(f"recall {least}: {name} does not reach it")
    if o.filters:
        filters(engines["blocks"], x, queries, o.rounds, o.effort)
    if o.batches:
        batches(engines["blocks"], o.rounds)
    print(f"\nload at the end {os.getloadavg()[0]:.1f}", file=sys.stderr)


if __name__ == "__main__":
    main()
