#!/usr/bin/env python3
"""A recommender in Python: streams the corpus' MP3 files to the extractor and asks two indexes.

The stubs are generated from the .proto files alone. The first index was built from the extractor's
own batch table: the streamed vector must be that row, so the recording itself comes first at
distance 0. The second was built from librosa's vectors of the same files: the recording must come
first there too, at a distance that no other recording comes near.
"""
import argparse
import pathlib
import sys

import grpc
from soundalike.v1 import extractor_service_pb2 as extractor
from soundalike.v1 import extractor_service_pb2_grpc as extractor_grpc
from soundalike.v1 import feature_vector_pb2 as features
from soundalike.v1 import index_service_pb2 as index
from soundalike.v1 import query_pb2 as query
from soundalike.v1 import index_service_pb2_grpc as index_grpc
from soundalike.v1 import warning_pb2 as warning

CHUNK = 64 * 1024
SECONDS = 60
# Scaled distance below which the streamed vector is the row itself; doubles travel as text in the
# table and as bytes on the wire, both without loss.
SAME = 1e-6


def messages(path):
    """`config` first, then the file in chunks of 64 KiB."""
    size = pathlib.Path(path).stat().st_size
    config = extractor.ExtractionConfig(view=features.FEATURE_VIEW_FULL, expected_bytes=size)
    yield extractor.ExtractFeaturesRequest(config=config)
    with open(path, "rb") as audio:
        while chunk := audio.read(CHUNK):
            yield extractor.ExtractFeaturesRequest(chunk=chunk)


def nearest(stub, vector):
    """The first two tracks: id and distance."""
    options = query.QueryOptions(page_size=2, include_seeds=True, include_duplicates=True)
    request = index.QueryByFeaturesRequest(feature_vector=vector, options=options)
    answer = stub.QueryByFeatures(request, timeout=SECONDS)
    return [(hit.track.track_id, hit.distance) for hit in answer.neighbors]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for flag in ("--extractor", "--own-index", "--golden-index", "--corpus"):
        parser.add_argument(flag, required=True)
    options = parser.parse_args()
    to_extractor = extractor_grpc.ExtractorServiceStub(grpc.insecure_channel(options.extractor))
    own, golden = (index_grpc.IndexServiceStub(grpc.insecure_channel(at))
                   for at in (options.own_index, options.golden_index))
    profile = to_extractor.ListFeatureProfiles(extractor.ListFeatureProfilesRequest(), timeout=SECONDS)
    names = list(profile.feature_profiles[0].names)
    assert len(names) == 74 and names[0] == "mfcc_mean_1", names

    failed, asked, refused = [], 0, []
    for path in sorted(pathlib.Path(options.corpus, "audio").glob("*.mp3")):
        try:
            answer = to_extractor.ExtractFeatures(messages(path), timeout=SECONDS)
        except grpc.RpcError as error:
            refused.append(f"{path.name}: {error.code().name}: {error.details()}")
            continue
        asked += 1
        for finding in answer.warnings:
            print(f"  {path.name}: {warning.Warning.Code.Name(finding.code)}: {finding.message}")
        vector = answer.feature_vector
        assert list(vector.names) == names and len(vector.values) == 74
        (first, distance), *_ = nearest(own, vector)
        if first != str(path) or distance > SAME:
            failed.append(f"{path.name}: own index says {first} at {distance}")
        (first, distance), (_, second) = nearest(golden, vector)
        print(f"  {path.name}: librosa's row at {distance:.2e}, the next at {second:.2f}")
        if first != f"audio/{path.name}":
            failed.append(f"{path.name}: librosa's index says {first} at {distance}")
    for line in refused:
        print(f"  refused: {line}")
    for line in failed:
        print(f"  FAILED: {line}")
    print(f"  {asked} recordings asked for, {len(refused)} refused, {len(failed)} failed")
    return 1 if failed or asked < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
