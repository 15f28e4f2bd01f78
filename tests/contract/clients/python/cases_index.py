"""What the index refuses."""
import base64
import math

import grpc
import xxhash
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
            options.setdefault("expected_index_version", card.index_version)
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
        swapped = [card.feature_names[1], card.feature_names[0], *card.feature_names[2:]]
        check.refused("SCHEMA_MISMATCH", "FAILED_PRECONDITION", by_features(names=swapped),
                      facts=["query_schema_sha256", "index_schema_sha256"])
        assert by_features(names=card.feature_names)().neighbors, "its own names are welcome"
        check.refused("VECTOR_LENGTH", BAD, by_features(values=[0.5] * (width - 1)), "feature_vector.values",
                      ["length", "expected_length"])
        for value in (math.nan, math.inf, -math.inf):
            values = [0.5] * width
            values[17] = value
            check.refused("VALUE_NOT_FINITE", BAD, by_features(values=values), "feature_vector.values[17]",
                          ["feature", "value"])
        values = [0.5] * width
        values[17] = 1e160
        check.refused("VALUE_OUT_OF_RANGE", BAD, by_features(values=values), "feature_vector.values[17]",
                      ["feature", "value", "deviations", "max_deviations"])

        check.refused("TRACK_INDEX_MISSING", BAD, by_row(None), "track_index")
        check.refused("INVALID_TRACK_INDEX", BAD, by_row(-1), "track_index", ["track_index"])
        check.refused("TRACK_INDEX_OUT_OF_RANGE", "OUT_OF_RANGE", by_row(card.track_count), "track_index",
                      ["track_index", "track_count"])
        check.refused("INVALID_TRACK_ID", BAD, look_up(track_id=""), "track_id")
        check.refused("INVALID_TRACK_ID", BAD, look_up(track_id="x" * 513), "track_id")
        check.refused("TRACK_NOT_FOUND", "NOT_FOUND", look_up(track_id="no such song"))
        known = by_row(0)().seed.track_id
        check.refused("INVALID_VIEW", BAD, look_up(track_id=known, view=99), "view")
        check.refused("INDEX_VERSION_MISMATCH", "ABORTED", by_row(0, expected_index_version="0" * 64),
                      facts=["index_version", "expected_index_version"])
        assert by_features()().neighbors, "the server goes on"
        recommendation_cases(check, stub)
        batch_cases(check, stub)
        return page_cases(check, stub)


def seed(row, weight=1.0):
    return index.Seed(track_index=row, weight=weight)


def recommendation_cases(check, stub):
    """Examples and options that cannot be."""
    def recommend(seeds, strategy=0, **options):
        request = index.RecommendRequest(seeds=seeds, strategy=strategy, options=query.QueryOptions(**options))
        return lambda: stub.Recommend(request, timeout=SECONDS)

    for reason, field, options, facts in (
        ("INVALID_MAX_DISTANCE", "max_distance", dict(max_distance=-1.0), ["max_distance"]),
        ("INVALID_MAX_PER_ARTIST", "max_per_artist", dict(max_per_artist=-1), ["max_per_artist"]),
        ("INVALID_DIVERSITY", "diversity", dict(diversity=1.5), ["diversity"]),
        ("INVALID_VIEW", "view", dict(view=9), ["view"]),
        ("UNKNOWN_FEATURE_GROUP", "group_weights[tempo]", dict(group_weights={"tempo": 1.0}), ["group", "known_groups"]),
        ("INVALID_GROUP_WEIGHT", "group_weights[mfcc]", dict(group_weights={"mfcc": math.nan}), ["group", "weight"]),
        ("INVALID_FILTER", "filter", dict(filter="artist_name = "), ["column"]),
        ("UNKNOWN_FILTER_FIELD", "filter", dict(filter="mood = x"), ["column", "filter_field", "known_fields"]),
        ("FILTER_TOO_LARGE", "filter", dict(filter=" " * 5000), ["column"]),
    ):
        check.refused(reason, BAD, recommend([seed(1)], **options), f"options.{field}", facts)
    check.refused("INVALID_STRATEGY", BAD, recommend([seed(1)], strategy=9), "strategy", ["strategy"])
    check.refused("INVALID_SEED_COUNT", BAD, recommend([]), "seeds", ["seeds"])
    check.refused("INVALID_SEED_COUNT", BAD, recommend([seed(1)] * 101), "seeds", ["seeds"])
    check.refused("NO_WANTED_SEED", BAD, recommend([seed(1, -1.0)]), "seeds")
    check.refused("SEED_MISSING", BAD, recommend([seed(1), index.Seed()]), "seeds[1]")
    for weight in (math.nan, math.inf, 1001.0, 1e-162, -1e-162):
        check.refused("INVALID_SEED_WEIGHT", BAD, recommend([seed(1), seed(2, weight)]), "seeds[1].weight", ["weight"])
    one_sided = index.ExplainDistanceRequest(left=seed(1))
    check.refused("SEED_MISSING", BAD, lambda: stub.ExplainDistance(one_sided, timeout=SECONDS), "right")


def batch_cases(check, stub):
    """Batches beyond their size; an item that is refused is a status in the answer."""
    requests = [index.RecommendRequest(seeds=[seed(1)])] * 101
    check.refused("BATCH_TOO_LARGE", BAD, lambda: stub.BatchRecommend(
        index.BatchRecommendRequest(requests=requests), timeout=SECONDS), "requests", ["requests"])
    check.refused("BATCH_TOO_LARGE", BAD, lambda: stub.BatchLookup(
        index.BatchLookupRequest(track_ids=["x"] * 1001), timeout=SECONDS), "track_ids", ["track_ids"])
    items = index.BatchRecommendRequest(requests=[requests[0], index.RecommendRequest()])
    good, bad = stub.BatchRecommend(items, timeout=SECONDS).results
    assert good.response.neighbors and bad.error_status, "each item has its own outcome"


def page_cases(check, stub):
    """Tokens that are not the server's, or not this request's; returns one that is sound."""
    def page(row, token):
        request = index.QueryByTrackIndexRequest(
            track_index=row, options=query.QueryOptions(page_size=3, page_token=token))
        return lambda: stub.QueryByTrackIndex(request, timeout=SECONDS)

    token = page(1, "")().next_page_token
    assert page(1, token)().neighbors, "the next page"
    check.refused("INVALID_PAGE_TOKEN", BAD, page(1, "AAAA"), "options.page_token")
    check.refused("PAGE_TOKEN_QUERY_MISMATCH", BAD, page(2, token), "options.page_token")
    # Form, version, request, then how many results are behind it: a caller that counts for itself.
    content = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[:-8])
    content[81:85] = (100_000).to_bytes(4, "little")
    content += xxhash.xxh3_64(bytes(content)).intdigest().to_bytes(8, "little")
    deep = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    check.refused("LIST_TOO_LONG", "RESOURCE_EXHAUSTED", page(1, deep), "options.page_token", ["max_listed"])
    return token


def work_cases(check, binary, directory):
    """A query that takes more work than this server allows, alone and in a batch."""
    with Server(binary, "--index", directory, "--max-work", "1000") as server, \
            grpc.insecure_channel(server.address) as channel:
        stub = index_grpc.IndexServiceStub(channel)
        assert stub.GetIndexInfo(index.GetIndexInfoRequest(), timeout=SECONDS).limits.max_work == 1000
        heavy = index.RecommendRequest(
            seeds=[seed(row % 20) for row in range(100)], strategy=index.RecommendRequest.STRATEGY_BEST_OF,
            options=query.QueryOptions(group_weights={"mfcc": 2.0}))
        check.refused("WORK_TOO_LARGE", "RESOURCE_EXHAUSTED", lambda: stub.Recommend(heavy, timeout=SECONDS),
                      facts=["work", "max_work"])
        batch = index.BatchRecommendRequest(requests=[heavy])
        item, = stub.BatchRecommend(batch, timeout=SECONDS).results
        assert b"WORK_TOO_LARGE" in item.error_status, "of an item as of a call"


def version_cases(check, binary, directory, token):
    """A token of another version of the catalogue."""
    with Server(binary, "--index", directory) as server, grpc.insecure_channel(server.address) as channel:
        stub = index_grpc.IndexServiceStub(channel)
        request = index.QueryByTrackIndexRequest(
            track_index=1, options=query.QueryOptions(page_size=3, page_token=token))
        check.refused("PAGE_TOKEN_VERSION_MISMATCH", "ABORTED", lambda: stub.QueryByTrackIndex(request, timeout=SECONDS),
                      "options.page_token", ["page_token_version", "index_version"])
