#!/usr/bin/env python3
"""Uploads a file and prints its neighbours: the example for grpcio.

    neighbours.py --extractor HOST:PORT --index HOST:PORT [--ca CA.pem] [--token-file FILE] SONG

The stubs are made from the .proto files alone (grpc_tools.protoc; see tests/environment). Retries, balancing
and timeouts are not in this file but in proto/service_config/, which any gRPC client can read.
"""
import argparse
import os
import pathlib
import sys

import grpc
from soundalike.v1 import extractor_service_pb2 as extractor
from soundalike.v1 import extractor_service_pb2_grpc as extractor_grpc
from soundalike.v1 import index_service_pb2 as index
from soundalike.v1 import index_service_pb2_grpc as index_grpc
from soundalike.v1 import query_pb2 as query
from soundalike.v1 import warning_pb2 as warning

CHUNK = 64 * 1024
SERVICE_CONFIG = pathlib.Path(__file__).parents[4] / "proto" / "service_config"


def channel(service, address, ca=None, server_name=None):
    """A balanced, retrying channel."""
    options = [
        ("grpc.service_config", (SERVICE_CONFIG / f"{service}.json").read_text()),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.max_receive_message_length", 16 << 20),
    ]
    if ca is None:
        return grpc.insecure_channel(address, options)
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    credentials = grpc.ssl_channel_credentials(pathlib.Path(ca).read_bytes())
    return grpc.secure_channel(address, credentials, options)


def messages(path):
    """`config` first, then the file in chunks of 64 KiB. A file that does not come whole is refused."""
    with open(path, "rb") as audio:
        config = extractor.ExtractionConfig(expected_bytes=os.fstat(audio.fileno()).st_size)
        yield extractor.ExtractFeaturesRequest(config=config)
        while chunk := audio.read(CHUNK):
            yield extractor.ExtractFeaturesRequest(chunk=chunk)


def tell(extraction):
    """What was found about the audio: the vector may say less than it seems to."""
    for finding in extraction.warnings:
        print(f"{warning.Warning.Code.Name(finding.code)}: {finding.message}", file=sys.stderr)
    if extraction.damaged_share > 0:
        print(f"{extraction.damaged_share:.1%} of the audio is damaged", file=sys.stderr)


def bearer(token):
    """A token as metadata of a call. grpc.access_token_call_credentials says the same from a thread of
    its own, which may stop the closing of a channel for ever (grpcio 1.85: 9 runs of 1,100)."""
    return [("authorization", f"Bearer {token}")] if token else []


def neighbours(extractor_channel, index_channel, path, count, metadata=()):
    """The nearest tracks to a file, nearest first."""
    stub = extractor_grpc.ExtractorServiceStub(extractor_channel)
    extraction = stub.ExtractFeatures(messages(path), timeout=60, metadata=metadata)
    tell(extraction)
    options = query.QueryOptions(page_size=count, include_seeds=True)
    request = index.QueryByFeaturesRequest(feature_vector=extraction.feature_vector, options=options)
    stub = index_grpc.IndexServiceStub(index_channel)
    return stub.QueryByFeatures(request, timeout=5, metadata=metadata).neighbors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extractor", required=True, metavar="HOST:PORT")
    parser.add_argument("--index", required=True, metavar="HOST:PORT")
    parser.add_argument("--ca", help="authority of the servers' certificates, PEM; without it no TLS")
    parser.add_argument("--server-name", help="name in the certificates, if it is not the host")
    parser.add_argument("--token-file", help="bearer token")
    parser.add_argument("-k", type=int, default=5, help="how many neighbours")
    parser.add_argument("song")
    options = parser.parse_args()
    token = pathlib.Path(options.token_file).read_text().strip() if options.token_file else None
    if token and not options.ca:
        parser.error("a token needs TLS: give --ca")
    trust = (options.ca, options.server_name)
    try:
        with channel("extractor", options.extractor, *trust) as to_extractor, \
                channel("index", options.index, *trust) as to_index:
            found = neighbours(to_extractor, to_index, options.song, options.k, bearer(token))
    except grpc.RpcError as error:
        print(f"{error.code().name}: {error.details()}", file=sys.stderr)
        return 1
    for hit in found:
        print(f"{hit.distance:10.4f}  {hit.track.track_id}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
