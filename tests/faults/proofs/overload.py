#!/usr/bin/env python3
"""Three times as many calls as a server can answer: it sheds the rest early and answers as many as ever.

    overload.py --extractor BINARY --index BINARY [--seconds 15] [--short]

One worker on one core, the load (k6, open loop) on another. For uploads and for batches of queries:
the time of a call when nothing else happens, the most calls that are answered in a second, and both
at three times that rate, once the first seconds are over. Exit code 1 when fewer than 90 % of the
most are answered, when the slowest hundredth of those takes more than three times as long as alone,
or when a call ends otherwise than with an answer or UNAVAILABLE.

`--short` is what gates a landing, on machines that do other things, where a share of the most is a share of
what is left of the machine. Bounded is what a call that is shed costs, in processor time: a tenth of one that
is answered. Times are told.
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "contract" / "clients" / "python"))

from servers import Server

# Work for the server and little for k6: many seconds in few bytes, many rows behind few requests.
SONG_SECONDS, ROWS = 60, 100_000
LEAST_GOODPUT, MOST_SLOWDOWN, MOST_SHED_COST = 0.9, 3.0, 0.1
# The clock of the load generator counts milliseconds.
CLOCK = 1.0


def pinned(core):
    """The command that keeps what follows on one core; the load must not take the server's."""
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "--cpu-list", str(cores[core % len(cores)])]


def load(k6, address, kind, seconds, warm, song=None, **amount):
    with tempfile.NamedTemporaryFile("r", suffix=".json") as out:
        settings = dict(TARGET=address, KIND=kind, SECONDS=seconds, WARM=warm, OUT=out.name, **amount)
        if song:
            settings["SONG"] = song
        flags = [part for name, value in settings.items() for part in ("-e", f"{name}={value}")]
        subprocess.run([*pinned(1), k6, "run", "--quiet", "--no-usage-report", *flags, HERE / "overload.js"],
                       check=True, stdout=subprocess.DEVNULL)
        return json.load(out)


def checksum(data, bits, polynomial):
    """The cyclic redundancy check of FLAC, as bytes (RFC 9639, sections 9.1.8 and 9.3)."""
    value, top = 0, 1 << bits - 1
    for byte in data:
        value ^= byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & (1 << bits) - 1
    return value.to_bytes(bits // 8, "big")


def staircase():
    """A FLAC of 8 kHz whose frames of 256 samples each have one value: 14 bytes a frame."""
    rate, block, draw = 8_000, 256, random.Random(7)
    count = SONG_SECONDS * rate // block
    form = rate << 44 | 15 << 36 | count * block
    info = block.to_bytes(2, "big") * 2 + bytes(6) + form.to_bytes(8, "big") + bytes(16)
    song = b"fLaC\x80" + len(info).to_bytes(3, "big") + info
    for number in range(count):
        head = b"\xff\xf8\x84\x08" + chr(number).encode()
        frame = head + checksum(head, 8, 0x07) + b"\0" + draw.randrange(-20_000, 20_000).to_bytes(2, "big", signed=True)
        song += frame + checksum(frame, 16, 0x8005)
    return song


def catalogue(binary, folder):
    """An index so large that a batch of exact queries is work."""
    families = [("mfcc", 20), ("chroma_cqt", 12), *((one, 1) for one in (
        "spectral_centroid", "spectral_bandwidth", "spectral_rolloff", "rmse", "zcr"))]
    names = [f"{family}_{what}_{at}" for family, count in families for what in ("mean", "std")
             for at in range(1, count + 1)]
    table, draw = folder / "table.csv", random.Random(7)
    with table.open("w") as out:
        print("track_id", *names, sep=",", file=out)
        # As many different numbers as matter, written once.
        numbers = [f"{draw.gauss(0, 1):.4f}" for _ in range(20_000)]
        for track in range(ROWS):
            print(track, *draw.choices(numbers, k=len(names)), sep=",", file=out)
    index = folder / "index"
    subprocess.run([binary, "build", "--input", table, "--output", index, "--profile", "librosa-0.11-22050",
                    "--engine", "blocks", "--log", "error"], check=True, stdout=subprocess.DEVNULL)
    return index


def proof(k6, kind, server, seconds, song=None):
    closed = load(k6, server.address, kind, seconds / 3, 1, song, VUS=2)
    most = closed["answered"] / (seconds / 3)
    alone = load(k6, server.address, kind, seconds, 1, song, RATE=max(1, round(most / 10)))
    # The queue is for bursts: overload is what lasts, and the queue of the burst has to be worked off.
    over = load(k6, server.address, kind, seconds, 8, song, RATE=round(3 * most))
    goodput = over["answered"] / seconds
    share, slowdown = goodput / most, over["p99"] / max(alone["p99"], CLOCK)
    print(f"  {kind}: at most {most:.0f}/s; alone {alone['median']:.0f} ms, p99 {alone['p99']:.0f} ms; "
          f"at {3 * most:.0f}/s {goodput:.0f}/s answered ({share:.0%}), p99 {over['p99']:.0f} ms ({slowdown:.1f}x), "
          f"{over['shed']} shed, {over['other'] + closed['other'] + alone['other']} otherwise, {over['dropped']} not sent")
    return share >= LEAST_GOODPUT and slowdown <= MOST_SLOWDOWN and over["shed"] > 0 and over["other"] == 0


def short_proof(k6, kind, server, seconds, song=None):
    def spent(**amount):
        """A load of which everything counts, and the processor time that it took."""
        before = server.processor_seconds()
        done = load(k6, server.address, kind, seconds, 0, song, TIMEOUT="60s", **amount)
        return done, server.processor_seconds() - before

    alone, took = spent(VUS=1)
    cost = took / alone["answered"]
    over, took = spent(RATE=round(3 * max(1, alone["answered"] / took)))
    # What is not sheds was paid for by the answers.
    shed_cost = max(0.0, took - over["answered"] * cost) / max(1, over["shed"])
    share, slowdown = shed_cost / cost, over["median"] / max(alone["median"], CLOCK)
    other = alone["other"] + over["other"]
    print(f"  {kind}: {alone['answered']} alone, {1e3 * cost:.1f} ms of processor and a median of {alone['median']:.0f} ms each; "
          f"three times too many: {over['answered']} answered, median {over['median']:.0f} ms ({slowdown:.1f}x), {over['shed']} shed at "
          f"{1e3 * shed_cost:.2f} ms of processor each ({share:.0%}), {other} otherwise, {over['dropped']} not sent", flush=True)
    return share <= MOST_SHED_COST and over["shed"] > 0 and over["answered"] > 0 and other == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for flag in ("--extractor", "--index"):
        parser.add_argument(flag, required=True, type=pathlib.Path)
    parser.add_argument("--index-dir", help="not used: a catalogue of its own is made")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    prove = short_proof if options.short else proof
    if options.short:
        options.seconds = min(options.seconds, 8)
    k6 = pathlib.Path(sys.executable).parent / "k6"
    flags = ("--workers", "1", "--log", "warn")
    good = True
    with tempfile.TemporaryDirectory() as folder:
        song = pathlib.Path(folder) / "song.flac"
        song.write_bytes(staircase())
        with Server(options.extractor, *flags, prefix=pinned(0)) as server:
            good &= prove(k6, "upload", server, options.seconds, song)
        index = catalogue(options.index, pathlib.Path(folder))
        with Server(options.index, "--index", index, *flags, prefix=pinned(0)) as server:
            good &= prove(k6, "batch", server, options.seconds)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
