"""A batch on a real object store: each file of the source in one table or one list of failures, once, whatever
becomes of the workers and the store. Run by run.sh."""

import argparse
import csv
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "storage"))
from seaweedfs import SeaweedFS

WORKERS, COPIES = 8, 12
# Far longer than anything here takes.
MAX_WAIT = 600


def check(holds, what):
    if not holds:
        raise SystemExit(f"FAILED: {what}")


class Batch:
    def __init__(self, args, store, folder):
        self.args, self.store, self.folder = args, store, pathlib.Path(folder)
        self.environment = {**os.environ, **store.environment(), "SOUNDALIKE_LOG_FORMAT": "json"}
        self.runs = 0

    def run(self, binary, *args, code=0, more=None):
        done = subprocess.run([binary, *args], env={**self.environment, **(more or {})}, text=True,
                              capture_output=True, timeout=MAX_WAIT)
        check(done.returncode == code, f"{args} ended with {done.returncode}, expected {code}:\n{done.stderr[-3000:]}")
        return done.stdout

    def start(self, index, *more):
        """A worker, and the folder it works in."""
        self.runs += 1
        spool = self.folder / f"spool-{self.runs}"
        spool.mkdir()
        log = open(self.folder / f"worker-{index}-{self.runs}.log", "w+")
        process = subprocess.Popen(
            [self.args.extractor, "work", "--batch", "s3://work/batch", "--jobs", "2", *more],
            env={**self.environment, "JOB_COMPLETION_INDEX": str(index), "SOUNDALIKE_SPOOL": str(spool)},
            stdout=log, stderr=log)
        process.spool, process.log_name = spool, log.name
        return process

    def end(self, worker, code=0):
        got = worker.wait(MAX_WAIT)
        check(got == code, f"a worker ended with {got}, expected {code}; see\n" +
              pathlib.Path(worker.log_name).read_text()[-3000:])

    def table(self, index):
        return f"/work/batch/tables/{index:05}-of-{WORKERS:05}.parquet"

    def is_there(self, index):
        return self.store.request("HEAD", self.table(index))[0] == 200

    def failures(self, index):
        status, text = self.store.get(f"/work/batch/failures/{index:05}-of-{WORKERS:05}.csv")
        check(status == 200, f"no failures file of shard {index}")
        return list(csv.DictReader(io.StringIO(text.decode())))

    def tables(self):
        return [self.store.get(self.table(index)) for index in range(WORKERS)]


def begun(worker):
    """Waits until a worker has its table in the making."""
    deadline = time.monotonic() + MAX_WAIT
    while not list(worker.spool.glob("*/table.parquet")):
        check(worker.poll() is None, "a worker ended before it had begun")
        check(time.monotonic() < deadline, "a worker does not begin")
        time.sleep(0.002)


def fill(batch):
    """The clips, several times, in folders, and two files that are none."""
    keys = []
    for clip in sorted(pathlib.Path(batch.args.clips).iterdir()):
        for copy in range(COPIES):
            keys.append(f"{copy:02}/{clip.name}")
            batch.store.put(f"/music/{keys[-1]}", clip.read_bytes())
    batch.store.put("/music/00/cover.jpg", b"no audio")
    batch.store.put("/music/00/broken.mp3", b"no audio either")
    return sorted(keys + ["00/broken.mp3"])


def workers_that_die(batch, keys):
    said = batch.run(batch.args.extractor, "plan", "--source", "s3://music", "--batch", "s3://work/batch",
                     "--workers", str(WORKERS))
    check(f"files    {len(keys)} of" in said, said)
    running = {index: batch.start(index) for index in range(WORKERS)}
    for index in (2, 5):
        begun(running[index])
        running[index].kill()
        batch.end(running[index], -signal.SIGKILL)
        check(not batch.is_there(index), f"shard {index} is there, though its worker was killed")
    # The same index twice at a time, as when a node comes back.
    twice = batch.start(3)
    for index, worker in running.items():
        if index not in (2, 5):
            batch.end(worker)
    batch.end(twice)
    for index in (2, 5):
        batch.end(batch.start(index))


def once(batch, keys):
    """Each file is in one place, and running everything again changes no byte."""
    before = batch.tables()
    check(all(status == 200 for status, _ in before), "a table is missing")
    failed = [row["path"] for index in range(WORKERS) for row in batch.failures(index)]
    index = str(batch.folder / "index")
    said = batch.run(batch.args.index, "build", "--input", "s3://work/batch/tables/*.parquet", "--output", index,
                     "--trees", "5")
    # A repeated id would have ended the build.
    rows = int(next(line.split()[1] for line in said.splitlines() if line.startswith("tracks")))
    check(len(set(failed)) == len(failed), "a failure is listed twice")
    check(rows + len(failed) == len(keys), f"{rows} rows and {len(failed)} failures of {len(keys)} files")
    for key in keys[::41]:
        if key not in failed:
            batch.run(batch.args.index, "query", "--index", index, "--track-id", key, "-k", "1", "--format", "json")
    reasons = {row["path"]: row["reason"] for number in range(WORKERS) for row in batch.failures(number)}
    check(reasons["00/broken.mp3"] == "UNSUPPORTED_CONTAINER", reasons)
    check(set(failed) == {key for key in keys if "speex" in key or "broken" in key}, failed)
    answer = json.loads(batch.run(batch.args.index, "query", "--index", index, "--track-id",
                                  "03/drums_s16_11025.flac", "-k", "1", "--include-seeds", "--include-duplicates",
                                  "--format", "json"))
    check("drums_s16_11025.flac" in json.dumps(answer), answer)
    for worker in [batch.start(index) for index in range(WORKERS)]:
        batch.end(worker)
    check(batch.tables() == before, "a shard that was done has changed")
    batch.store.request("DELETE", batch.table(4))
    batch.run(batch.args.index, "build", "--input", "s3://work/batch/tables/*.parquet", "--output", index + "-2",
              "--trees", "5", code=1)
    batch.end(batch.start(4))
    check(batch.tables() == before, "a shard that was made again has other bytes")
    print(f"batch: {len(keys)} files once each by {WORKERS} workers, two killed, one doubled: "
          f"{rows} rows, {len(failed)} failures")


def changed_and_gone(batch):
    """Files that are not what was planned, on a store's own entity tags."""
    clips = sorted(pathlib.Path(batch.args.clips).glob("*.flac"))
    for number, clip in enumerate(clips[:4]):
        batch.store.put(f"/music/late/{number}.flac", clip.read_bytes())
    batch.run(batch.args.extractor, "plan", "--source", "s3://music/late", "--batch", "s3://work/late", "--workers", "1")
    batch.store.request("DELETE", "/music/late/1.flac")
    size = clips[2].stat().st_size
    batch.store.put("/music/late/2.flac", clips[3].read_bytes()[:size].ljust(size, b"\0"))
    batch.run(batch.args.extractor, "work", "--batch", "s3://work/late", "--worker-index", "0")
    status, text = batch.store.get("/work/late/failures/00000-of-00001.csv")
    rows = [(row["path"], row["reason"]) for row in csv.DictReader(io.StringIO(text.decode()))]
    check(rows == [("1.flac", "SOURCE_MISSING"), ("2.flac", "SOURCE_CHANGED")], rows)
    print("batch: a file that has gone and one that was replaced by as many bytes are failures")


def outage(batch):
    """The store goes while a worker runs: it ends, and the next one does the shard."""
    batch.store.request("DELETE", batch.table(6))
    worker = batch.start(6, "--storage-timeout", "1s", "--storage-retries", "2", "--downloads", "1")
    begun(worker)
    batch.store.stop()
    batch.end(worker, 1)
    check(not list(worker.spool.iterdir()), "something is left in the spool")
    batch.store.start()
    batch.store.wait_for("/work/batch/plan.json")
    check(not batch.is_there(6), "the shard is there, though its worker failed")
    batch.end(batch.start(6))
    check(batch.is_there(6), "the shard is not there")
    print("batch: a worker whose store goes ends with code 1, and the next one does its shard")


def measure(batch):
    """Processor time of a worker over many MP3 files of 30 s, from the store; nothing but the worker counts."""
    clip = pathlib.Path(batch.args.recording).read_bytes()
    for number in range(batch.args.measure):
        # Other bytes each, in a tag that no decoder reads.
        batch.store.put(f"/music/measure/{number:05}.mp3", clip + b"TAG" + b"%0125d" % number)
    batch.run(batch.args.extractor, "plan", "--source", "s3://music/measure", "--batch", "s3://work/measure",
              "--workers", "1")
    begin = time.monotonic()
    worker = subprocess.Popen([batch.args.extractor, "work", "--batch", "s3://work/measure", "--worker-index", "0",
                               "--jobs", "2", "--log", "warn"], env={**os.environ, **batch.store.environment()})
    # Of this child alone.
    _, status, used = os.wait4(worker.pid, 0)
    check(status == 0, f"the worker ended with {status}")
    user, system = used.ru_utime, used.ru_stime
    core = (user + system) / batch.args.measure
    per_hour = 3600 / core
    print(f"measure: {batch.args.measure} files of {len(clip)} bytes, {user:.1f} s user and {system:.1f} s system, "
          f"{time.monotonic() - begin:.1f} s by the clock, load {os.getloadavg()[0]:.1f}")
    print(f"measure: at most {used.ru_maxrss / 1024:.0f} MiB of memory")
    print(f"measure: {1000 * core:.1f} ms of a core each, {per_hour:.0f} tracks in a core-hour")
    for tracks in (10**6, 10**8):
        print(f"measure: {tracks} tracks take {tracks / per_hour:.0f} core-hours")


def main():
    parser = argparse.ArgumentParser()
    for name in ("weed", "extractor", "index", "clips"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--measure", type=int, default=0)
    parser.add_argument("--recording", help="an MP3 file of 30 s, for --measure")
    parser.add_argument("--only-measure", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = SeaweedFS(args.weed, os.path.join(folder, "store"))
        try:
            batch = Batch(args, store, folder)
            for bucket in ("/music", "/work"):
                store.put(bucket)
            if not args.only_measure:
                keys = fill(batch)
                workers_that_die(batch, keys)
                once(batch, keys)
                changed_and_gone(batch)
                outage(batch)
            if args.measure:
                measure(batch)
        finally:
            store.stop()


if __name__ == "__main__":
    sys.exit(main())
