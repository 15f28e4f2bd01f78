#!/usr/bin/env python3
"""Callers that no gRPC library is: slow, silent, many, malformed, oversized, nested. After each kind a good
call must be answered on a new connection, by the same process, and no task of it has panicked. README.md has
what each did once.

    abuse.py --extractor BINARY --index BINARY --index-dir DIR [--connections 10000] [--seed 1] [--short]

`--short` is what gates a landing: fewer connections and random frames, and of half-sent messages two kinds.

Run by tests/faults/proofs/python.sh, which sets up what it needs.
"""
import argparse
import pathlib
import random
import resource
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "contract" / "clients" / "python"))

import grpc
from servers import AUDIO, Server
from soundalike.v1 import extractor_service_pb2 as extractor
from soundalike.v1 import extractor_service_pb2_grpc as extractor_grpc
from soundalike.v1 import index_service_pb2 as index
from soundalike.v1 import index_service_pb2_grpc as index_grpc
from soundalike.v1 import query_pb2 as query

import attackers
import costly
import requests

SONG = (AUDIO / "drums_s16_11025.flac").read_bytes()


def good_upload(server):
    messages = [extractor.ExtractFeaturesRequest(config=extractor.ExtractionConfig()),
                extractor.ExtractFeaturesRequest(chunk=SONG)]
    with grpc.insecure_channel(server.address) as channel:
        stub = extractor_grpc.ExtractorServiceStub(channel)
        answer = stub.ExtractFeatures(iter(messages), timeout=60, wait_for_ready=True)
        assert len(answer.feature_vector.values) == 74


def good_query(server):
    with grpc.insecure_channel(server.address) as channel:
        stub = index_grpc.IndexServiceStub(channel)
        info = stub.GetIndexInfo(index.GetIndexInfoRequest(), timeout=60, wait_for_ready=True)
        options = query.QueryOptions(page_size=3, expected_index_version=info.index_version)
        request = index.QueryByTrackIndexRequest(track_index=1, options=options)
        answer = stub.QueryByTrackIndex(request, timeout=60, wait_for_ready=True)
        assert len(answer.neighbors) == 3


def unread_log(binary, flags):
    """A server whose log nobody reads goes on."""
    begin = time.monotonic()
    with Server(binary, *flags, "--log", "info", reads_log=False) as server:
        with grpc.insecure_channel(server.address) as channel:
            services = index_grpc.IndexServiceStub(channel), extractor_grpc.ExtractorServiceStub(channel)
            for _ in range(1000):
                try:
                    if "index" in binary.name:
                        services[0].GetIndexInfo(index.GetIndexInfoRequest(), timeout=60)
                    else:
                        services[1].ListFeatureProfiles(extractor.ListFeatureProfilesRequest(), timeout=60)
                except grpc.RpcError as error:
                    raise AssertionError(f"after lines that nobody reads: {error.code()}") from error
            assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=60) == b"\x08\x01"
    print(f"  {'a log that nobody reads':<34} {'1000 calls answered':<58} {time.monotonic() - begin:15.1f} s", flush=True)


def half_sent(to_extractor, short):
    """Paths, lengths that are claimed, and how much of them is sent."""
    own = requests.PROFILES if to_extractor else requests.QUERY
    kinds = {"health, 4 MiB": (attackers.HEALTH, 4 << 20, 16_000), own.rsplit("/")[-1]: (own, 4_000, 3_900)}
    if not short:
        kinds |= {"health, 4 KB": (attackers.HEALTH, 4_000, 3_900), "reflection, 4 MiB": (requests.REFLECTION, 4 << 20, 40_000)}
        # As many as one address may have in flight, each within its limit.
        kinds |= {"reflection": (requests.REFLECTION, 64_000, 40_000)}
        kinds |= {} if to_extractor else {"query, 1 MB": (own, 1_000_000, 900_000, 1000, 4, 96 << 20)}
    return kinds.items()


def free_port():
    """A port below those that the system hands out by itself."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)):
                return port


def attack(name, server, good, attacker):
    """Lets the attacker do its worst, then makes the good call."""
    pid, begin = server.process.pid, time.monotonic()
    told = attacker(server)
    good(server)
    assert server.lives() and server.process.pid == pid, server.log()
    assert "panicked" not in server.log(), server.log()
    memory = server.resident_bytes() >> 20
    print(f"  {name:<34} {told:<58} {memory:>4} MiB {time.monotonic() - begin:6.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for flag in ("--extractor", "--index", "--index-dir"):
        parser.add_argument(flag, required=True, type=pathlib.Path)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    if options.short:
        options.connections = min(options.connections, 2000)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # The limits that stand between an attacker and the end of time are made short below, so that they
    # are seen at work.
    connections = min(options.connections, most - 200)
    if connections < options.connections:
        print(f"  only {connections} connections: the limit on open files is {most}")

    every = [(options.extractor, ("--max-wall", "4s", "--max-idle", "2s"), good_upload),
             (options.index, ("--index", options.index_dir), good_query)]
    for binary, flags, good in every:
        print(f"  {binary.name}")
        with Server(binary, *flags, "--log", "warn", "--keepalive", "1s") as server:
            if good is good_upload:
                attack("slow-loris uploads", server, good, attackers.dripping_uploads)
                attack("silent uploads", server, good, attackers.silent_uploads)
            attack("slow prefaces", server, good, attackers.slow_prefaces)
            attack("half-open connections", server, good, attackers.half_open)
            attack("other protocols", server, good, attackers.other_protocols)
            attack("oversized metadata", server, good, attackers.oversized_metadata)
            for kind, frames in attackers.MALFORMED.items():
                attack(f"frames: {kind}", server, good, lambda one, frames=frames: attackers.malformed(one, frames))
            for kind, flood in attackers.FLOODS.items():
                attack(f"flood: {kind}", server, good, lambda one, flood=flood: attackers.flooded(one, flood))
            attack("random frames", server, good, lambda one: attackers.fuzz(one, options.seed, 300 if options.short else 1500))
            if good is good_upload:
                attack("nested boxes", server, good, requests.nested_boxes)
            attack("wrong requests", server, good, requests.wrong_uploads if good is good_upload else requests.wrong_queries)
        for kind, half in half_sent(good is good_upload, options.short):
            # A process of its own: what an earlier one left would hide what this one takes.
            with Server(binary, *flags, "--log", "warn") as server:
                attack(f"half-sent: {kind}", server, good, lambda one, half=half: attackers.half_sent(one, *half))
        metrics_port = free_port()
        with Server(binary, *flags, "--log", "warn", "--metrics-listen", f"127.0.0.1:{metrics_port}") as server:
            attack("idle connections", server, good, lambda one: attackers.idle_crowd(one, metrics_port))
        if good is good_query:
            with Server(binary, *flags, "--log", "warn", "--max-work", costly.MAX_WORK) as server:
                attack("the largest requests, again and again", server, good, costly.greedy)
            with Server(binary, *flags, "--log", "warn", "--web-origin", "https://here.test") as server:
                attack("gRPC-Web over HTTP/1.1", server, good, requests.web_calls)
        with Server(binary, *flags, "--log", "warn", "--max-connections", 400) as server:
            attack("all connections of one address", server, good, lambda one: attackers.crowd(one, 100))
        unread_log(binary, flags)
        # Ten thousand sockets in one Python answer pings too late for a second.
        with Server(binary, *flags, "--log", "warn", "--max-connections", connections + 100,
                    "--trusted-peers", "127.0.0.0/8") as server:
            attack(f"{connections} connections", server, good,
                   lambda one: attackers.many(one, connections, held=lambda: good(one)))
    print("  the services went on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
