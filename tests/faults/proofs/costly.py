"""Requests that are short and ask for more work than one may: each is refused by name before the work is done, however often it
comes, and queries beside it are answered."""
import threading

import grpc
from soundalike.v1 import feature_vector_pb2 as features
from soundalike.v1 import index_service_pb2 as index
from soundalike.v1 import index_service_pb2_grpc as index_grpc
from soundalike.v1 import query_pb2 as query

from requests import reason

# What a query may take here: a plain one of a small catalogue does, the largest one does not.
MAX_WORK = 10_000
ATTACKERS = 4
CALLS_OF_EACH = 150
# Processor time of a refused call over that of a plain query, in which it would be hundreds if it were answered.
MOST_COST = 8.0


def largest(info):
    """A hundred examples, each compared with every track, and as many results as there may be."""
    seeds = [index.Seed(feature_vector=features.FeatureVector(values=[0.01 * seed] * len(info.feature_names), profile_id=info.profile_id))
             for seed in range(100)]
    options = query.QueryOptions(page_size=1000, exact=True, group_weights={"mfcc": 2.0})
    return index.RecommendRequest(seeds=seeds, strategy=index.RecommendRequest.STRATEGY_BEST_OF, options=options)


def wordy(version):
    """A filter with as much to search for as it may have."""
    terms = " OR ".join(f'track_id:"{number}"' for number in range(190))
    options = query.QueryOptions(page_size=3, expected_index_version=version, filter=terms)
    return index.QueryByTrackIndexRequest(track_index=1, options=options)


def is_refused(call):
    """Whether a call is refused because of its work; another refusal is a failure."""
    try:
        call()
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
        assert reason(details) == "WORK_TOO_LARGE", f"{error.code()}: {error.details()}"
        return True
    return False


def greedy(server):
    """The largest requests, one after the other by each of several callers, beside a caller of plain queries."""
    with grpc.insecure_channel(server.address) as channel:
        stub = index_grpc.IndexServiceStub(channel)
        info = stub.GetIndexInfo(index.GetIndexInfoRequest(), timeout=60, wait_for_ready=True)
        options = query.QueryOptions(page_size=3, expected_index_version=info.index_version)
        request, filtered = largest(info), wordy(info.index_version)

        def plain(row):
            found = stub.QueryByTrackIndex(index.QueryByTrackIndexRequest(track_index=row % 20, options=options), timeout=60)
            assert len(found.neighbors) == 3

        begin, count = server.processor_seconds(), ATTACKERS * CALLS_OF_EACH
        for row in range(count):
            plain(row)
        of_plain = server.processor_seconds() - begin

        refused, failures = [0] * ATTACKERS, []

        def attack(number):
            try:
                with grpc.insecure_channel(server.address) as own:
                    to = index_grpc.IndexServiceStub(own)
                    for call in range(CALLS_OF_EACH):
                        ask, what = (to.Recommend, request) if call % 2 else (to.QueryByTrackIndex, filtered)
                        refused[number] += is_refused(lambda: ask(what, timeout=60))
            except BaseException as failure:
                failures.append(failure)

        attackers = [threading.Thread(target=attack, args=[number]) for number in range(ATTACKERS)]
        begin = server.processor_seconds()
        for attacker in attackers:
            attacker.start()
        answered = 0
        while any(attacker.is_alive() for attacker in attackers):
            plain(answered)
            answered += 1
        for attacker in attackers:
            attacker.join()
        spent = server.processor_seconds() - begin
        assert not failures, failures
        assert sum(refused) == count, f"{count - sum(refused)} of {count} were answered"
        assert answered > 0, "nobody was answered beside them"
        cost = (spent - of_plain * answered / count) / of_plain
        assert cost < MOST_COST, f"a refusal costs {cost:.1f} queries"

        batch = stub.BatchRecommend(index.BatchRecommendRequest(requests=[request] * 5 + [small(request)]), timeout=60)
        kinds = [reason(result.error_status) if result.HasField("error_status") else "answered" for result in batch.results]
        assert kinds == ["WORK_TOO_LARGE"] * 5 + ["answered"], kinds
    return f"{count} refused at {cost:.1f} queries each, {answered} queries answered beside"


def small(request):
    """One example of a request, and a short list."""
    options = query.QueryOptions(page_size=3)
    return index.RecommendRequest(seeds=request.seeds[:1], strategy=request.strategy, options=options)
