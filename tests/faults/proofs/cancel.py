#!/usr/bin/env python3
"""A caller that leaves: the work that it leaves behind ends within 50 ms.

    cancel.py --extractor BINARY --index BINARY [--rounds 10] [--short]

Long uploads and heavy batches of queries are given up at different moments. From then on the server's
processor time is read every few milliseconds until it stands still: the time of the last growth is what
the call was computed for in vain. The kernel counts in hundredths of a second, which the bound allows
for. Exit code 1 when a call was computed for longer, or had not begun to be.

`--short` is what gates a landing, on machines that do other things: half as many rounds, and bounded is
not the time but the processor time, which others do not make longer.
"""
import argparse
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "contract" / "clients" / "python"))

import grpc
from overload import catalogue
from servers import Server, wav
from soundalike.v1 import extractor_service_pb2 as extractor
from soundalike.v1 import extractor_service_pb2_grpc as extractor_grpc
from soundalike.v1 import index_service_pb2 as index
from soundalike.v1 import index_service_pb2_grpc as index_grpc
from soundalike.v1 import query_pb2 as query

TICK = 1.0 / os.sysconf("SC_CLK_TCK")
MOST = 0.050 + TICK
QUIET = 0.3
SECONDS = 120


def computed_after(server, cancel):
    """Seconds after `cancel()` at which the processor time last grew, and by how much it grew."""
    cancel()
    begin = last = time.monotonic()
    first = seen = server.processor_seconds()
    while (now := time.monotonic()) - last < QUIET:
        if (spent := server.processor_seconds()) > seen:
            seen, last = spent, now
        time.sleep(0.002)
    return last - begin, seen - first


def upload(server, stub, song, leave_after):
    """Gives an upload up once the server has computed for `leave_after` seconds of it."""
    done = threading.Event()

    def messages():
        yield extractor.ExtractFeaturesRequest(config=extractor.ExtractionConfig())
        for at in range(0, len(song), 1 << 18):
            yield extractor.ExtractFeaturesRequest(chunk=song[at:at + (1 << 18)])
        done.wait(SECONDS)

    begin = server.processor_seconds()
    call = stub.ExtractFeatures.future(messages(), timeout=SECONDS)
    while server.processor_seconds() - begin < leave_after and not call.done():
        time.sleep(0.001)
    busy = not call.done()
    late = computed_after(server, call.cancel)
    done.set()
    return busy, late


def batch(server, stub, leave_after):
    seeds = [index.Seed(track_index=row) for row in range(100)]
    # A row is one of the version that is asked: the version goes with it.
    version = stub.GetIndexInfo(index.GetIndexInfoRequest(), timeout=SECONDS).index_version
    options = query.QueryOptions(page_size=10, exact=True, expected_index_version=version)
    item = index.RecommendRequest(seeds=seeds, options=options, strategy=index.RecommendRequest.STRATEGY_BEST_OF)
    begin = server.processor_seconds()
    call = stub.BatchRecommend.future(index.BatchRecommendRequest(requests=[item] * 100), timeout=SECONDS)
    while server.processor_seconds() - begin < leave_after and not call.done():
        time.sleep(0.001)
    busy = not call.done()
    return busy, computed_after(server, call.cancel)


def proof(kind, moments, attempt, short):
    outcomes = [attempt(moment) for moment in moments]
    late, spent = (sorted(figures) for figures in zip(*(after for _, after in outcomes)))
    busy = sum(busy for busy, _ in outcomes)
    print(f"  {kind}: {busy} of {len(outcomes)} given up while computed; computed for {late[len(late) // 2] * 1e3:.0f} ms "
          f"afterwards, {late[-1] * 1e3:.0f} ms at most, {spent[-1] * 1e3:.0f} ms of processor", flush=True)
    return busy == len(outcomes) and (spent if short else late)[-1] <= MOST


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for flag in ("--extractor", "--index"):
        parser.add_argument(flag, required=True, type=pathlib.Path)
    parser.add_argument("--index-dir", help="not used: a catalogue of its own is made")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    if options.short:
        options.rounds = min(options.rounds, 5)
    draw, good = random.Random(3), True
    second = [draw.uniform(-0.5, 0.5) for _ in range(22_050)]
    # As long as is let in: a fast server has done with half of it before the last moment.
    song = wav(22_050, 1, second, times=1_190)
    moments = [0.03 * (1 + at) for at in range(options.rounds)]
    flags = ("--workers", "1", "--log", "warn")
    with Server(options.extractor, *flags) as server, grpc.insecure_channel(server.address) as channel:
        stub = extractor_grpc.ExtractorServiceStub(channel)
        good &= proof("upload", moments, lambda moment: upload(server, stub, song, moment), options.short)
    with tempfile.TemporaryDirectory() as folder:
        made = catalogue(options.index, pathlib.Path(folder))
        with Server(options.index, "--index", made, *flags) as server, grpc.insecure_channel(server.address) as channel:
            stub = index_grpc.IndexServiceStub(channel)
            good &= proof("batch", moments, lambda moment: batch(server, stub, moment), options.short)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
