"""Golden bytes of tests/query_wire.rs: python make_query_golden.py > query_golden.txt

Google's protobuf encodes what that test encodes with prost: messages with every field set and no two
alike, so that a moved number or a changed type shows. One line each: name, bytes in hex. Needs grpcio-tools.
"""
import sys
import tempfile
from pathlib import Path

import grpc_tools
from google.protobuf import json_format
from grpc_tools import protoc

SCHEMA = Path(__file__).parent.parent / "schema"
OPTIONS = {
    "pageSize": 1, "pageToken": "token", "expectedIndexVersion": "version", "exact": True, "searchK": 5,
    "maxDistance": 6.5, "includeSeeds": True, "includeDuplicates": True, "maxPerArtist": 9,
    "filter": "year > 10", "diversity": 0.25, "groupWeights": {"mfcc": 12.5},
    "view": "RESULT_VIEW_EXPLAINED", "targetRecall": 0.75,
}
TRACK = {"trackId": "id", "trackTitle": "title", "artistName": "artist", "albumTitle": "album",
         "trackIndex": "4", "attributes": {"genre": "jazz"}}
NEIGHBOR = {
    "track": TRACK, "distance": 2.5, "similarityPercentile": 0.125, "score": 6.25,
    "contributions": [{"feature": "zcr_std_1", "share": 0.5, "deltaStd": -1.5}],
    "groupContributions": [{"feature": "zcr", "share": 0.75}],
}
STATS = {
    "indexVersion": "version", "exact": True, "candidateCount": 3, "suppressedSeedCount": 4,
    "suppressedDuplicateCount": 5, "suppressedArtistCount": 6, "outOfRangeFeatures": ["rmse_std_1"],
    "engine": "blocks", "effort": "exact", "matchedTrackCount": 10, "suppressedDistanceCount": 11,
    "promisedRecall": 0.75,
}
VECTOR = {"values": [1.5], "profileId": "profile", "schemaSha256": "00ff"}
SEEDS = [{"trackId": "id", "weight": 3.5}, {"featureVector": VECTOR}, {"trackIndex": 4}]
RECOMMEND = {"seeds": SEEDS, "strategy": "STRATEGY_SHARED_TRAITS", "options": OPTIONS}
ANSWER = {"neighbors": [NEIGHBOR], "nextPageToken": "next", "stats": STATS}
RECOMMENDED = {**ANSWER, "seedTrackIds": ["first", ""]}
LOOKUP = {"track": TRACK, "featureVector": VECTOR, "indexVersion": "version"}
# The bytes ff in base64, as JSON has them.
ERROR = {"errorStatus": "/w=="}
MESSAGES = {
    "QueryByFeaturesRequest": {"featureVector": VECTOR, "options": OPTIONS},
    "QueryByFeaturesResponse": ANSWER,
    "QueryByTrackIndexRequest": {"trackIndex": "7", "options": OPTIONS},
    "QueryByTrackIndexResponse": {**ANSWER, "seed": TRACK},
    "RecommendRequest": RECOMMEND,
    "RecommendResponse": RECOMMENDED,
    "BatchRecommendRequest": {"requests": [RECOMMEND]},
    "BatchRecommendResponse": {"results": [{"response": RECOMMENDED}, ERROR]},
    "BatchLookupRequest": {"trackIds": ["a", "b"], "view": "LOOKUP_VIEW_FULL"},
    "BatchLookupResponse": {"results": [{"response": LOOKUP}, ERROR]},
    "ExplainDistanceRequest": {"left": SEEDS[0], "right": SEEDS[2], "expectedIndexVersion": "version"},
    "ExplainDistanceResponse": {"neighbor": NEIGHBOR, "outOfRangeFeatures": ["rmse_std_1"],
                                "indexVersion": "version", "seedTrackIds": ["first", ""]},
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
        for name, fields in MESSAGES.items():
            message = json_format.ParseDict(fields, getattr(index_service_pb2, name)())
            print(name, message.SerializeToString(deterministic=True).hex())


if __name__ == "__main__":
    main()
