#!/usr/bin/env python3
"""What a replica of the extractor can do: the figures behind the capacity table of deploy/README.md.

    capacity.py --extractor BINARY [--calls 80] RECORDING...

Uploads every recording many times, four at a time, over a channel, and prints the processor time of the
server for each and the most memory that it had; then the memory of one upload of 20 minutes, and of two
at once. A figure of processor time wants a machine that does nothing else.
"""
import argparse
import concurrent.futures
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "contract" / "clients" / "python"))

import grpc
from servers import Server, tone, wav
from soundalike.v1 import extractor_service_pb2 as extractor
from soundalike.v1 import extractor_service_pb2_grpc as extractor_grpc

CHUNK = 64 << 10
AT_ONCE = 4
LONG_SECONDS = 20 * 60


def upload(channel, audio):
    def messages():
        yield extractor.ExtractFeaturesRequest(config=extractor.ExtractionConfig())
        for at in range(0, len(audio), CHUNK):
            yield extractor.ExtractFeaturesRequest(chunk=audio[at:at + CHUNK])

    return extractor_grpc.ExtractorServiceStub(channel).ExtractFeatures(messages(), timeout=120)


def memory(server, what):
    """VmRSS or VmHWM, in MiB."""
    for line in pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the process is gone")


def uploads(binary, audio, calls, at_once):
    """Processor seconds of a call, memory at rest and at most."""
    with Server(binary, "--workers", "2", "--log", "warn") as server:
        with grpc.insecure_channel(server.address) as channel, \
                concurrent.futures.ThreadPoolExecutor(at_once) as callers:
            idle = memory(server, "VmRSS")
            upload(channel, audio)
            before = server.processor_seconds()
            list(callers.map(lambda _: upload(channel, audio), range(calls)))
            spent = (server.processor_seconds() - before) / calls
        return spent, idle, memory(server, "VmHWM"), memory(server, "VmRSS")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extractor", required=True, type=pathlib.Path)
    for flag in ("--index", "--index-dir"):
        parser.add_argument(flag, help="not used")
    parser.add_argument("--calls", type=int, default=80)
    parser.add_argument("recordings", nargs="+", type=pathlib.Path, metavar="RECORDING")
    options = parser.parse_args()
    for recording in options.recordings:
        spent, idle, most, _ = uploads(options.extractor, recording.read_bytes(), options.calls, AT_ONCE)
        print(f"{recording.name}: {1e3 * spent:.1f} ms of processor, {idle:.0f} MiB idle, {most:.0f} MiB at most, "
              f"{options.calls} calls, {AT_ONCE} at a time")
    long = wav(22_050, 1, tone(22_050, LONG_SECONDS))
    for at_once in (1, 2):
        spent, _, most, after = uploads(options.extractor, long, at_once, at_once)
        print(f"{at_once} of {LONG_SECONDS / 60:.0f} min ({len(long) >> 20} MiB each): {spent:.2f} s of processor each, "
              f"{most:.0f} MiB at most, {after:.0f} MiB afterwards")


if __name__ == "__main__":
    sys.exit(main())
