"""The engines that are compared: the blocks engine through its bench, and Python wheels of others, one thread each.

A peer is built once and kept in a folder (`keep`), with the CPU seconds that took; later runs load it.
"""
import json, os, subprocess, time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np

K = 10


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
    """The bench's executable, asked through a pipe; its times are its own."""
    settings = ["margin:0.06", "margin:0.08", "margin:0.1", "margin:0.12", "margin:0.15", "margin:0.2", "margin:0.25",
                "margin:0.3", "margin:0.4", "exact"]

    def __init__(self, executable, folder):
        words = [executable, "--table", f"{folder}/rows.npy", f"{folder}/queries.npy", "--serve"]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.build_cpu = json.loads(self.process.stdout.readline())["build_cpu_s"]

    def ask(self, line):
        self.process.stdin.write(line + "\n"); self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def run(self, _, setting):
        return self.ask(f"single {setting} {K} 1000")


class Peer:
    """Built from rows, or loaded from where it was kept."""

    def __init__(self, x, keep):
        os.makedirs(keep, exist_ok=True)
        path, about = f"{keep}/{self.name}.index", f"{keep}/{self.name}.json"
        if not os.path.exists(about):
            start = time.process_time()
            self.build(x)
            cpu = time.process_time() - start
            self.save(path)
            json.dump({"build_cpu": cpu}, open(about, "w"))
        self.build_cpu = json.load(open(about))["build_cpu"]
        self.load(path, x.shape[1], len(x))


class Hnswlib(Peer):
    name, settings = "hnswlib", [20, 30, 50, 80, 120, 200, 400]

    def build(self, x):
        import hnswlib
        self.index = hnswlib.Index("l2", x.shape[1])
        self.index.init_index(len(x), M=16, ef_construction=80 if len(x) > 500_000 else 200, random_seed=7)
        self.index.set_num_threads(1)
        self.index.add_items(x, num_threads=1)

    def save(self, path):
        self.index.save_index(path)

    def load(self, path, dims, rows):
        import hnswlib
        self.index = hnswlib.Index("l2", dims)
        self.index.load_index(path, max_elements=rows)
        self.index.set_num_threads(1)

    def run(self, queries, ef):
        self.index.set_ef(ef)
        return each(queries, lambda q: self.index.knn_query(q, K, num_threads=1)[0])


class Annoy(Peer):
    name, settings = "annoy", [None, 2_000, 8_000, 20_000, 50_000]

    def build(self, x):
        import annoy
        self.index = annoy.AnnoyIndex(x.shape[1], "euclidean")
        self.index.set_seed(7)
        for i, row in enumerate(x):
            self.index.add_item(i, row)
        self.index.build(50, n_jobs=1)

    def save(self, path):
        self.index.save(path)

    def load(self, path, dims, rows):
        import annoy
        self.index = annoy.AnnoyIndex(dims, "euclidean")
        self.index.load(path)

    def run(self, queries, search_k):
        return each(queries, lambda q: self.index.get_nns_by_vector(q, K, -1 if search_k is None else search_k))


class FaissIvf(Peer):
    name, settings = "faiss-ivf", [4, 8, 16, 32, 64]

    def build(self, x):
        import faiss
        faiss.omp_set_num_threads(1)
        lists = 512 if len(x) < 500_000 else 2048
        self.index = faiss.IndexIVFFlat(faiss.IndexFlatL2(x.shape[1]), x.shape[1], lists)
        self.index.train(x[np.random.default_rng(7).choice(len(x), min(len(x), lists * 64), replace=False)])
        self.index.add(x)

    def save(self, path):
        import faiss
        faiss.write_index(self.index, path)

    def load(self, path, dims, rows):
        import faiss
        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(path)

    def run(self, queries, nprobe):
        self.index.nprobe = nprobe
        return each(queries, lambda q: self.index.search(q[None], K)[1])


class Voyager(Peer):
    name, settings = "voyager", [20, 50, 120, 200, 400]

    def build(self, x):
        import voyager
        self.index = voyager.Index(voyager.Space.Euclidean, x.shape[1], M=16,
                                   ef_construction=80 if len(x) > 500_000 else 200, random_seed=7)
        self.index.add_items(x, num_threads=1)

    def save(self, path):
        self.index.save(path)

    def load(self, path, dims, rows):
        import voyager
        self.index = voyager.Index.load(path)

    def run(self, queries, ef):
        return each(queries, lambda q: self.index.query(q, K, query_ef=ef)[0])


PEERS = {peer.name: peer for peer in (Hnswlib, Annoy, FaissIvf, Voyager)}
