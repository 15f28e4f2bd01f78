"""Golden bytes of tests/wire.rs: python make_wire_golden.py > get_index_info.hex

Google's protobuf encodes what that test encodes with prost: a GetIndexInfoResponse with every field
set and no two alike, so that a moved number or a changed type shows. Needs grpcio-tools.
"""
import sys
import tempfile
from pathlib import Path

import grpc_tools
from google.protobuf import json_format
from grpc_tools import protoc

SCHEMA = Path(__file__).parent.parent / "schema"
INFO = {
    "indexVersion": "0123456789abcdef", "profileId": "profile", "schemaSha256": "00ff",
    "trackCount": 3, "treeCount": 4, "recallAt10": 0.5, "buildTime": "1970-01-01T00:00:07Z",
    "constantFeatures": ["c"], "imputedValueCount": 9, "featureNames": ["a", "b"],
    "maxPageSize": 11, "maxSearchK": 12,
    "recallCurve": [{"targetRecall": 0.25, "margin": 1.5, "recall": 0.75, "scoredShare": 0.125,
                     "engine": "e", "k": 13, "queryKind": "QUERY_KIND_CENTROID", "searchK": 17,
                     "sampleCount": 18, "reach": 45.5}],
    "recallSampleCount": 14,
    "card": {
        "sampledRowCount": 15,
        "duplicates": {"groupCount": 16, "rowCount": 17, "largestGroupSize": 18,
                       "largestGroupTrackIndex": 0},
        "hubness": {"k": 10, "rowCount": 19, "skewness": 2.5, "orphanShare": 0.0625,
                    "largestHubTrackIndex": 20, "largestHubShare": 0.375},
        "artistPurity": {"column": "artist_name", "at10": 0.5, "byChance": 0.25, "rowCount": 21},
        "genrePurity": {"column": "genre", "at10": 0.75, "byChance": 0.125, "rowCount": 22},
        "neighborDistance": {"p5": 1, "p50": 2, "p95": 3},
        "randomPairDistance": {"p5": 4, "p50": 5, "p95": 6},
        "warnings": {"rowCount": 40, "rowCounts": {"CLIPPED": 41}, "unknownRowCount": 43},
    },
    "missingValues": {"rule": "zero", "missingValueCounts": {"a": 23}, "droppedRowCount": 24,
                      "repeatedTrackIdCount": 25},
    "limits": {"defaultPageSize": 26, "maxPageSize": 27, "maxSearchK": 28, "maxRequestBytes": 29,
               "maxTrackIdBytes": 30, "featureCount": 31, "outOfRangeDeviations": 6,
               "maxExplainedPageSize": 32, "maxListed": 33, "maxFilterBytes": 34, "maxFilterTerms": 35,
               "maxSeeds": 36, "maxBatchRequests": 37, "maxBatchResults": 38, "maxBatchLookups": 39,
               "maxWork": 42, "maxDeviations": 44},
    "featureGroups": ["mfcc"], "filterFields": ["year"],
    "extractorVersions": ["one/1", "two/2"], "defaultEngine": "f",
}


def main():
    with tempfile.TemporaryDirectory() as out:
        files = [str(path.relative_to(SCHEMA)) for path in SCHEMA.glob("soundalike/v1/*.proto")]
        include = Path(grpc_tools.__file__).parent / "_proto"
        code = protoc.main(["protoc", f"-I{SCHEMA}", f"-I{include}", f"--python_out={out}", *files])
        if code:
            sys.exit(code)
        sys.path.insert(0, out)
        from soundalike.v1 import index_service_pb2
        message = json_format.ParseDict(INFO, index_service_pb2.GetIndexInfoResponse())
        text = message.SerializeToString(deterministic=True).hex()
        print("\n".join(text[i:i + 96] for i in range(0, len(text), 96)))


if __name__ == "__main__":
    main()
