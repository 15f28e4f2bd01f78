"""What both servers refuse before, or instead of, doing their own work."""
import threading
import time

import grpc
from cases_extractor import config, stalled
from servers import Server
from soundalike.v1 import extractor_service_pb2 as extractor
from soundalike.v1 import extractor_service_pb2_grpc as extractor_grpc
from soundalike.v1 import index_service_pb2 as index
from soundalike.v1 import index_service_pb2_grpc as index_grpc
from verdict import SECONDS


def upload(stub):
    """An upload in flight, once it is on its way."""
    sent = threading.Event()

    def messages():
        yield config()
        # The second message is asked for when the first is on its way.
        sent.set()
        yield from stalled()

    call = stub.ExtractFeatures.future(messages(), timeout=SECONDS)
    sent.wait(SECONDS)
    return call


def refusal(call):
    """Its code; None if it is answered."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return None


def occupied(stub, probe):
    """An upload that has the server's only place, as `probe` finds again and again. One that comes while a probe has the
    place is refused itself; then another one is sent."""
    holding, refused = upload(stub), 0
    for _ in range(1000):
        if holding.done():
            holding, refused = upload(stub), 0
        refused = refused + 1 if refusal(probe) == grpc.StatusCode.UNAVAILABLE else 0
        if refused == 5 and not holding.done():
            return holding
        # The place of an answered probe may be free a little after the answer.
        time.sleep(0.01)
    raise AssertionError("an upload never had the only place")


def serving_cases(check, extractor_binary, index_binary, directory, certificates):
    listing = extractor.ListFeatureProfilesRequest()

    # The server's own limit on time, below the caller's.
    with Server(extractor_binary, "--max-call-time", "300ms") as server, \
            grpc.insecure_channel(server.address) as channel:
        stub = extractor_grpc.ExtractorServiceStub(channel)
        check.refused("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED",
                      lambda: stub.ExtractFeatures(stalled(config()), timeout=SECONDS))

    # More than a request of one message, or its metadata, may have.
    with Server(extractor_binary) as server, grpc.insecure_channel(server.address) as channel:
        stub = extractor_grpc.ExtractorServiceStub(channel)
        long = extractor.ListFeatureProfilesRequest(page_token="x" * 5000)
        check.refused("MESSAGE_TOO_LARGE", "RESOURCE_EXHAUSTED", lambda: stub.ListFeatureProfiles(long, timeout=SECONDS),
                      facts=["max_message_bytes"])
        metadata = [("x-long", "x" * (17 << 10))]
        check.refused("METADATA_TOO_LARGE", "RESOURCE_EXHAUSTED",
                      lambda: stub.ListFeatureProfiles(listing, timeout=SECONDS, metadata=metadata),
                      facts=["bytes", "max_metadata_bytes"])

    # Places for calls, in all and of one peer, and for uploads: each says when to come back.
    for flag, call in (
        ("--max-concurrent-calls", lambda stub: stub.ListFeatureProfiles(listing, timeout=SECONDS)),
        ("--max-concurrent-calls-per-peer", lambda stub: stub.ListFeatureProfiles(listing, timeout=SECONDS)),
        ("--max-uploads", lambda stub: stub.ExtractFeatures(iter([config()]), timeout=SECONDS)),
    ):
        with Server(extractor_binary, flag, 1) as server, grpc.insecure_channel(server.address) as channel:
            stub = extractor_grpc.ExtractorServiceStub(channel)
            holding = occupied(stub, lambda: call(stub))
            check.refused("OVERLOADED", "UNAVAILABLE", lambda: call(stub), retry=True)
            holding.cancel()

    certificate = {name: (certificates / name).read_bytes() for name in ("authority.pem", "client.pem", "client.key")}
    tls = ("--tls-cert", certificates / "server.pem", "--tls-key", certificates / "server.key")

    def secure(server, **identity):
        trust = grpc.ssl_channel_credentials(certificate["authority.pem"], **identity)
        return grpc.secure_channel(server.address, trust, [("grpc.ssl_target_name_override", "soundalike.test")])

    flags = ("--index", directory, "--auth-tokens", certificates / "tokens", *tls)
    with Server(index_binary, *flags) as server, secure(server) as channel:
        stub = index_grpc.IndexServiceStub(channel)
        card = index.GetIndexInfoRequest()
        token = (certificates / "token").read_text().strip()

        def bearing(value):
            return lambda: stub.GetIndexInfo(card, timeout=SECONDS, metadata=[("authorization", value)])

        check.refused("UNAUTHENTICATED", "UNAUTHENTICATED", lambda: stub.GetIndexInfo(card, timeout=SECONDS))
        check.refused("UNAUTHENTICATED", "UNAUTHENTICATED", bearing("Bearer " + "0" * 24))
        check.refused("UNAUTHENTICATED", "UNAUTHENTICATED", bearing(f"Basic {token}"))
        assert bearing(f"Bearer {token}")().track_count, "the right token is let in"

    allowed = ("--tls-client-ca", certificates / "authority.pem", "--allow-identity")
    key = dict(private_key=certificate["client.key"], certificate_chain=certificate["client.pem"])
    with Server(extractor_binary, *tls, *allowed, "spiffe://soundalike.test/other") as server, \
            secure(server, **key) as channel:
        stub = extractor_grpc.ExtractorServiceStub(channel)
        check.refused("IDENTITY_NOT_ALLOWED", "PERMISSION_DENIED",
                      lambda: stub.ListFeatureProfiles(listing, timeout=SECONDS))
    with Server(extractor_binary, *tls, *allowed, "spiffe://soundalike.test/player") as server, \
            secure(server, **key) as channel:
        stub = extractor_grpc.ExtractorServiceStub(channel)
        assert stub.ListFeatureProfiles(listing, timeout=SECONDS).feature_profiles, "the right one is let in"
