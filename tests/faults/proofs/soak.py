#!/usr/bin/env python3
"""Both services under steady, mixed load for a quarter of an hour: every call as expected, memory flat.

    soak.py --extractor BINARY --index BINARY --index-dir DIR [--minutes 15] [--rate 40]

Of each second's calls one in twenty is an upload, one in ten is refused by rights, one in fifty comes
on a connection of its own, one in a hundred is given up halfway. Before that all callers upload at once, so
that no peak is the first of its height. Memory is the resident set as the
kernel counts it, sampled twice a second; its median over the last sixth must be within 5 % of the
median over the second sixth (the first is for warming up). Exit code 1 when it is not, or when a
call ends otherwise than it should.
"""
import argparse
import concurrent.futures
import pathlib
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "contract" / "clients" / "python"))

import grpc
from servers import AUDIO, Server
from soundalike.v1 import extractor_service_pb2 as extractor
from soundalike.v1 import extractor_service_pb2_grpc as extractor_grpc
from soundalike.v1 import index_service_pb2 as index
from soundalike.v1 import index_service_pb2_grpc as index_grpc
from soundalike.v1 import query_pb2 as query

SONGS = ("drums_s16_11025.flac", "arpeggio_q2_22050_mono.ogg", "chords_cbr48_24000_mpeg2.mp3", "band_aac96_44100_stereo.m4a")
# A busy machine is slow, and no fault.
SECONDS = 60
WARM_ROUNDS = 10
MOST_GROWTH = 0.05


class Caller:
    """Makes the calls of one thread, one kind after the other."""

    def __init__(self, servers, songs):
        self.servers, self.songs = servers, songs
        self.to_extractor = extractor_grpc.ExtractorServiceStub(grpc.insecure_channel(servers[0].address))
        self.to_index = index_grpc.IndexServiceStub(grpc.insecure_channel(servers[1].address))
        # A row is one of the version that is asked: the version goes with it.
        info = self.to_index.GetIndexInfo(index.GetIndexInfoRequest(), timeout=SECONDS, wait_for_ready=True)
        self.version = info.index_version
        self.counts, self.failed = {}, []

    def call(self, number):
        if number % 100 == 99:
            self.expect("given up", "CANCELLED", self.give_up)
        elif number % 20 == 7:
            self.expect("upload", "OK", lambda: self.upload(self.songs[number // 20 % len(self.songs)]))
        elif number % 50 == 3:
            self.expect("new connection", "OK", self.reconnect)
        elif number % 10 == 1:
            self.expect("refused", "OUT_OF_RANGE", lambda: self.query(10 ** 6))
        elif number % 200 == 44:
            self.expect("bad upload", "INVALID_ARGUMENT", lambda: self.upload(b"no music" * 1000))
        else:
            self.expect("query", "OK", lambda: self.query(number % 40))

    def expect(self, kind, code, call):
        try:
            call()
            got = "OK"
        except grpc.RpcError as error:
            got = error.code().name
        if got == code:
            self.counts[kind] = self.counts.get(kind, 0) + 1
        else:
            self.failed.append(f"{kind}: {got}")

    def query(self, row):
        options = query.QueryOptions(page_size=5, expected_index_version=self.version)
        self.to_index.QueryByTrackIndex(index.QueryByTrackIndexRequest(track_index=row, options=options), timeout=SECONDS)

    def messages(self, song):
        yield extractor.ExtractFeaturesRequest(config=extractor.ExtractionConfig())
        for at in range(0, len(song), 1 << 16):
            yield extractor.ExtractFeaturesRequest(chunk=song[at:at + (1 << 16)])

    def upload(self, song):
        self.to_extractor.ExtractFeatures(self.messages(song), timeout=SECONDS)

    def reconnect(self):
        with grpc.insecure_channel(self.servers[1].address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            index_grpc.IndexServiceStub(channel).GetIndexInfo(index.GetIndexInfoRequest(), timeout=SECONDS)

    def give_up(self):
        gate = threading.Event()

        def halfway():
            yield from self.messages(self.songs[0])
            gate.wait(SECONDS)

        call = self.to_extractor.ExtractFeatures.future(halfway(), timeout=SECONDS)
        time.sleep(0.05)
        call.cancel()
        gate.set()
        call.result()


def warm(caller):
    """The most that this caller will ever ask for, again and again."""
    for _ in range(WARM_ROUNDS):
        for song in caller.songs:
            caller.upload(song)


def work(caller, first, step, rate, end):
    begin, number = time.monotonic(), 0
    while time.monotonic() < end:
        try:
            caller.call(first + number * step)
        except grpc.FutureCancelledError:
            caller.counts["given up"] = caller.counts.get("given up", 0) + 1
        number += 1
        time.sleep(max(0.0, begin + number / rate - time.monotonic()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for flag in ("--extractor", "--index", "--index-dir"):
        parser.add_argument(flag, required=True, type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--rate", type=float, default=40, help="calls per second")
    parser.add_argument("--threads", type=int, default=4)
    options = parser.parse_args()
    songs = [(AUDIO / song).read_bytes() for song in SONGS]
    length = options.minutes * 60
    flags = ("--log", "warn", "--max-connection-age", "60s")
    with Server(options.extractor, *flags) as to_extractor, \
            Server(options.index, "--index", options.index_dir, *flags) as to_index:
        servers = {"extractor-svc": to_extractor, "index-svc": to_index}
        callers = [Caller((to_extractor, to_index), songs) for _ in range(options.threads)]
        with concurrent.futures.ThreadPoolExecutor(options.threads) as together:
            list(together.map(warm, callers))
        begin = time.monotonic()
        threads = [threading.Thread(target=work, args=(caller, first, options.threads, options.rate / options.threads, begin + length))
                   for first, caller in enumerate(callers)]
        for thread in threads:
            thread.start()
        samples = {name: [] for name in servers}
        told = 0
        while any(thread.is_alive() for thread in threads):
            for name, server in servers.items():
                samples[name].append(server.resident_bytes() / 2 ** 20)
            if time.monotonic() - begin >= told * 60:
                figures = ", ".join(f"{name} {samples[name][-1]:.1f} MiB" for name in servers)
                print(f"  minute {told:>2}: {figures}", flush=True)
                told += 1
            time.sleep(0.5)
        good = True
        counts = {}
        for caller in callers:
            for kind, count in caller.counts.items():
                counts[kind] = counts.get(kind, 0) + count
        failed = [failure for caller in callers for failure in caller.failed]
        print("  " + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) + f", {len(failed)} otherwise than expected")
        for failure in failed[:20]:
            print(f"    {failure}")
        for name, server in servers.items():
            sixth = len(samples[name]) // 6
            early = statistics.median(samples[name][sixth:2 * sixth])
            late = statistics.median(samples[name][-sixth:])
            growth = late / early - 1
            print(f"  {name}: {early:.1f} MiB in the second sixth, {late:.1f} MiB in the last: {growth:+.1%}")
            good &= abs(growth) <= MOST_GROWTH or late < early
            good &= "panicked" not in server.log()
        return 0 if good and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
