#!/usr/bin/env python3
"""proto/service_config/ in use: a Python client that knows nothing else balances, leaves a draining
replica, retries queries and no uploads, and does not wait for ever.

    service_config.py --extractor BINARY --index BINARY --index-dir DIR
"""
import argparse
import pathlib
import signal
import sys
import time

import grpc
from cases_serving import occupied, refusal
from neighbours import SERVICE_CONFIG, channel
from servers import Server
from soundalike.v1 import extractor_service_pb2 as extractor
from soundalike.v1 import extractor_service_pb2_grpc as extractor_grpc
from soundalike.v1 import index_service_pb2 as index
from soundalike.v1 import index_service_pb2_grpc as index_grpc

INFO = index.GetIndexInfoRequest()
PROFILES = extractor.ListFeatureProfilesRequest()


def calls(server, method):
    """How many calls of a method the server has logged."""
    return server.log().count(f"/{method}\"")


def until(what, holds, seconds=20):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not reached: {what}"
        time.sleep(0.02)


def balanced(binary, directory):
    """Two replicas share the calls; one that drains gets none, though it would still answer."""
    flags = ("--index", directory, "--drain", "5s", "--log-format", "json")
    with Server(binary, *flags) as first, Server(binary, *flags) as second:
        target = f"ipv4:{first.address},{second.address}"
        options = [("grpc.default_authority", "index"),
                   ("grpc.service_config", (SERVICE_CONFIG / "index.json").read_text())]
        with grpc.insecure_channel(target, options) as to_index:
            stub = index_grpc.IndexServiceStub(to_index)
            def both():
                stub.GetIndexInfo(INFO)
                return min(calls(one, "GetIndexInfo") for one in (first, second)) >= 10
            until("both replicas answer", both)
            first.process.send_signal(signal.SIGTERM)
            until("the drain begins", lambda: "draining" in first.log())
            time.sleep(0.5)
            before = [calls(one, "GetIndexInfo") for one in (first, second)]
            for _ in range(20):
                stub.GetIndexInfo(INFO)
            assert first.lives(), "it drains for longer than this takes"
            until("the log is written", lambda: calls(second, "GetIndexInfo") >= before[1] + 20)
            assert calls(first, "GetIndexInfo") == before[0], "a draining replica gets no call"
            assert first.process.wait(timeout=30) == 0
            stub.GetIndexInfo(INFO)


def retried(binary):
    """A full server is asked four times for a query, once for an upload; without the file, once."""
    with Server(binary, "--max-concurrent-calls", 1, "--log-format", "json") as server, \
            channel("extractor", server.address) as to_extractor, \
            grpc.insecure_channel(server.address) as plain:
        stub = extractor_grpc.ExtractorServiceStub(to_extractor)
        bare = extractor_grpc.ExtractorServiceStub(plain)
        profiles = lambda: bare.ListFeatureProfiles(PROFILES, timeout=20)
        holding = occupied(bare, profiles)

        def told():
            """Refusals in the log, once no more come: it is read a little after the answers."""
            seen = -1
            while (now := server.log().count("OVERLOADED")) != seen:
                seen = now
                time.sleep(0.2)
            return seen

        def refusals(call):
            before = told()
            try:
                call()
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAVAILABLE, error
            else:
                raise AssertionError("the server is full")
            return told() - before

        assert refusals(profiles) == 1
        assert refusals(lambda: stub.ListFeatureProfiles(PROFILES)) == 4
        config = extractor.ExtractFeaturesRequest(config=extractor.ExtractionConfig())
        assert refusals(lambda: stub.ExtractFeatures(iter([config]))) == 1
        holding.cancel()
        until("the place is free", lambda: refusal(profiles) is None)
        stub.ListFeatureProfiles(PROFILES)


def thread_states(process):
    """As the kernel has them, T for stopped."""
    for stat in pathlib.Path(f"/proc/{process}/task").glob("*/stat"):
        yield stat.read_text().rsplit(")", 1)[1].split()[0]


def timed(binary, directory):
    """A call without a deadline has the file's."""
    with Server(binary, "--index", directory) as server, channel("index", server.address) as to_index:
        stub = index_grpc.IndexServiceStub(to_index)
        stub.GetIndexInfo(INFO)
        server.process.send_signal(signal.SIGSTOP)
        # The signal is sent, and each thread stops when it sees it.
        until("the server stands still", lambda: set(thread_states(server.process.pid)) == {"T"})
        try:
            stub.GetIndexInfo(INFO)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
        else:
            raise AssertionError("a paused server does not answer")
        server.process.send_signal(signal.SIGCONT)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for flag in ("--extractor", "--index", "--index-dir"):
        parser.add_argument(flag, required=True, type=pathlib.Path)
    options = parser.parse_args()
    balanced(options.index, options.index_dir)
    print("  two replicas share the calls; a draining one gets none")
    retried(options.extractor)
    print("  a refused query is sent four times, a refused upload once")
    timed(options.index, options.index_dir)
    print("  a call without a deadline of its own has the file's")
    return 0


if __name__ == "__main__":
    sys.exit(main())
