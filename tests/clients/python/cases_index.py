"""What the index refuses."""
import math

import grpc
from servers import Server
from soundalike.v1 import feature_vector_pb2 as features
from soundalike.v1 import index_service_pb2 as index
from soundalike.v1 import index_service_pb2_grpc as index_grpc
from soundalike.v1 import query_pb2 as query
from verdict import SECONDS

BAD = "INVALID_ARGUMENT"


def index_cases(check, binary, directory):
    with Server(binary, "--index", directory) as server, grpc.insecure_channel(server.address) as channel:
        stub = index_grpc.IndexServiceStub(channel)
        card = stub.GetIndexInfo(index.GetIndexInfoRequest(), timeout=SECONDS)
        width = len(card.feature_names)

        def vector(**changes):
            fields = dict(values=[0.5] * width, profile_id=card.profile_id, schema_sha256=card.schema_sha256)
            return features.FeatureVector(**{**fields, **changes})

        def by_features(options=None, **changes):
            request = index.QueryByFeaturesRequest(feature_vector=vector(**changes), options=options)
            return lambda: stub.QueryByFeatures(request, timeout=SECONDS)

        def by_row(row, **options):
            request = index.QueryByTrackIndexRequest(track_index=row, options=query.QueryOptions(**options))
            return lambda: stub.QueryByTrackIndex(request, timeout=SECONDS)

        def look_up(**fields):
            return lambda: stub.Lookup(index.LookupRequest(**fields), timeout=SECONDS)

        for reason, field, options in (
            ("INVALID_PAGE_SIZE", "options.page_size", dict(page_size=-1)),
            ("INVALID_SEARCH_K", "options.search_k", dict(search_k=-1)),
            ("INVALID_SEARCH_K", "options.search_k", dict(search_k=1_000_001)),
            ("INVALID_TARGET_RECALL", "options.target_recall", dict(target_recall=0.0)),
            ("INVALID_TARGET_RECALL", "options.target_recall", dict(target_recall=math.nan)),
        ):
            check.refused(reason, BAD, by_features(query.QueryOptions(**options)), field)
            check.refused(reason, BAD, by_row(0, **options), field)

        empty = index.QueryByFeaturesRequest()
        check.refused("VECTOR_MISSING", BAD, lambda: stub.QueryByFeatures(empty, timeout=SECONDS), "feature_vector")
        check.refused("PROFILE_MISSING", BAD, by_features(profile_id=""), "feature_vector.profile_id", ["index_profile"])
        check.refused("PROFILE_MISMATCH", "FAILED_PRECONDITION", by_features(profile_id="fma-2017"),
                      facts=["query_profile", "index_profile"])
        check.refused("SCHEMA_MISMATCH", "FAILED_PRECONDITION", by_features(schema_sha256="0" * 64),
                      facts=["query_schema_sha256", "index_schema_sha256"])
        check.refused("VECTOR_LENGTH", BAD, by_features(values=[0.5] * (width - 1)), "feature_vector.values",
                      ["length", "expected_length"])
        for value in (math.nan, math.inf, -math.inf):
            values = [0.5] * width
            values[17] = value
            check.refused("VALUE_NOT_FINITE", BAD, by_features(values=values), "feature_vector.values[17]",
                          ["feature", "value"])

        check.refused("INVALID_TRACK_INDEX", BAD, by_row(-1), "track_index", ["track_index"])
        check.refused("TRACK_INDEX_OUT_OF_RANGE", "OUT_OF_RANGE", by_row(card.track_count), "track_index",
                      ["track_index", "track_count"])
        check.refused("INVALID_TRACK_ID", BAD, look_up(track_id=""), "track_id")
        check.refused("INVALID_TRACK_ID", BAD, look_up(track_id="x" * 513), "track_id")
        check.refused("TRACK_NOT_FOUND", "NOT_FOUND", look_up(track_id="no such song"))
        known = by_row(0)().seed.track_id
        check.refused("INVALID_FEATURE_VIEW", BAD, look_up(track_id=known, feature_view=99), "feature_view")
        check.refused("INDEX_VERSION_MISMATCH", "ABORTED", by_row(0, expected_index_version="0" * 16),
                      facts=["index_version", "expected_index_version"])
        assert by_features()().neighbors, "the server goes on"
