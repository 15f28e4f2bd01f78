"""Requests that are too large, broken, packed or nested: each is refused with a reason, in few bytes, and leaves
the server no larger."""
import base64
import contextlib
import re
import struct
import zlib

import grpc
import hpack
from google.rpc import error_details_pb2, status_pb2
from soundalike.v1 import extractor_service_pb2 as extractor
from soundalike.v1 import feature_vector_pb2 as features
from soundalike.v1 import index_service_pb2 as index

from attackers import DATA, END_HEADERS, EXTRACT, HEADERS, HEALTH, RST, connect, frame, head, send, shake_hands

# What a refusal may take in trailers, and what all of them may leave in memory.
MOST_SAID = 4 << 10
MOST_GROWTH = 32 << 20

FRAME = 16_000
PROFILES = "/soundalike.v1.ExtractorService/ListFeatureProfiles"
QUERY = "/soundalike.v1.IndexService/QueryByFeatures"
INFO = "/soundalike.v1.IndexService/GetIndexInfo"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

CONFIG = extractor.ExtractFeaturesRequest(config=extractor.ExtractionConfig()).SerializeToString()


def chunk(audio):
    return extractor.ExtractFeaturesRequest(chunk=audio).SerializeToString()


def reason(details):
    """The reason in the details of a status; none if there is none."""
    for detail in status_pb2.Status.FromString(details or b"").details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info.reason
    return None


def by_library(server, path, messages, metadata=()):
    """Reason and trailers' size of a call of these bytes."""
    with grpc.insecure_channel(server.address, [("grpc.max_metadata_size", 1 << 20)]) as channel:
        call = channel.stream_unary(path, None, None)
        try:
            call(iter(messages), metadata=metadata, timeout=60, wait_for_ready=True)
        except grpc.RpcError as error:
            trailers = dict(error.trailing_metadata() or ())
            size = len(error.details()) + sum(len(key) + len(value) for key, value in trailers.items())
            return reason(trailers.get("grpc-status-details-bin")), size
    return "none: it was answered", 0


def by_hand(server, path, sent, *extra):
    """The same of DATA that no library sends, behind the headers of a call that goes on."""
    with contextlib.closing(connect(server)) as connection:
        shake_hands(connection)
        send(connection, frame(HEADERS, END_HEADERS, 1, head(path, extra)) + sent)
        decoder, said = hpack.Decoder(), b""
        while True:
            while len(said) >= 9 and len(said) >= (end := 9 + int.from_bytes(said[:3], "big")):
                kind, stream, payload = said[3], int.from_bytes(said[5:9], "big"), said[9:end]
                said = said[end:]
                if kind == HEADERS and "grpc-status" in (fields := dict(decoder.decode(payload))):
                    details = fields.get("grpc-status-details-bin", "")
                    return reason(base64.b64decode(details + "=" * (-len(details) % 4))), len(payload)
                assert not (kind == RST and stream == 1), "the call was reset without a status"
            more = connection.recv(65536)
            assert more, "the connection ended without a status"
            said += more


def begun(length, content=b"", packed=0):
    """A message that claims a length, in DATA frames that go on."""
    whole = struct.pack(">BI", packed, length) + content
    return b"".join(frame(DATA, 0, 1, whole[at:at + FRAME]) for at in range(0, len(whole), FRAME))


def bomb(size):
    """So many zeros in gzip, which makes them a thousandth."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


def all_refused(server, calls):
    """Makes calls, each with the reason that it must be refused with."""
    before, largest = server.resident_bytes(), 0
    for name, expected, call in calls:
        got, size = call()
        assert got == expected, f"{name}: refused with {got}, expected {expected}"
        assert size <= MOST_SAID, f"{name}: {size} bytes to say so"
        largest = max(largest, size)
    grown = server.resident_bytes() - before
    assert grown < MOST_GROWTH, f"{grown >> 20} MiB more than before"
    return f"{len(calls)} refused by name in {largest} B at most, {max(0, grown) >> 20} MiB more"


def of_both(server, path):
    """What no method takes."""
    long, zeros = [("x-long", "x" * (17 << 10))], bomb(256 << 20)
    return [
        ("metadata of 17 KB", "METADATA_TOO_LARGE", lambda: by_library(server, path, [b""], long)),
        ("no protobuf", "MALFORMED_MESSAGE", lambda: by_library(server, path, [b"\xff\xff\xff"])),
        ("a message that claims 5 MiB", "MESSAGE_TOO_LARGE", lambda: by_hand(server, path, begun(5 << 20))),
        ("a health check of 4 MiB", "MESSAGE_TOO_LARGE", lambda: by_library(server, HEALTH, [bytes(4 << 20)])),
        ("256 MiB in gzip", "MESSAGE_TOO_LARGE",
         lambda: by_hand(server, path, begun(len(zeros), zeros, packed=1), ("grpc-encoding", "gzip"))),
    ]


def wrong_uploads(server):
    profile = extractor.ExtractFeaturesRequest(config=extractor.ExtractionConfig(profile_id="p" * 5000))
    return all_refused(server, [
        *of_both(server, EXTRACT),
        ("a profile of 5 KB", "UNKNOWN_PROFILE", lambda: by_library(server, EXTRACT, [profile.SerializeToString()])),
        ("a chunk of 2 MiB", "CHUNK_TOO_LARGE", lambda: by_library(server, EXTRACT, [CONFIG, chunk(bytes(2 << 20))])),
        ("a chunk of 5 MiB", "MESSAGE_TOO_LARGE", lambda: by_library(server, EXTRACT, [CONFIG, chunk(bytes(5 << 20))])),
        ("a list of 4 MiB", "MESSAGE_TOO_LARGE", lambda: by_library(server, PROFILES, [bytes(4 << 20)])),
    ])


def wrong_queries(server):
    vector = features.FeatureVector(values=[0.5] * 74, profile_id="p" * 5000)
    query = index.QueryByFeaturesRequest(feature_vector=vector)
    return all_refused(server, [
        *of_both(server, QUERY),
        ("a profile of 5 KB", "PROFILE_MISMATCH", lambda: by_library(server, QUERY, [query.SerializeToString()])),
        ("a question of 4 MiB", "MESSAGE_TOO_LARGE", lambda: by_library(server, INFO, [bytes(4 << 20)])),
    ])


def box(kind, content):
    return struct.pack(">I", 8 + len(content)) + kind + content


def nested(kind, depth=6_000):
    """Boxes in boxes, 48 KB of them; each holds nothing but the next one."""
    content = b""
    for _ in range(depth):
        content = box(kind, content)
    return content


def nested_boxes(server):
    """An M4A whose boxes are nested 6,000 deep, by themselves and where a reader looks for them."""
    begin = box(b"ftyp", b"M4A \x00\x00\x00\x00M4A mp42isom")
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 8, 0]) + bytes(1024)
    songs = []
    for kind in (b"mdia", b"ilst", b"moov", b"trak", b"meta", b"udta", b"stbl"):
        deep = nested(kind)
        inside = box(b"moov", box(b"trak", deep) + box(b"udta", box(b"meta", bytes(4) + deep)))
        songs += [begin + deep, begin + inside, tag + begin + inside, begin + box(b"free", bytes(70_000)) + inside]
    before, kinds = server.resident_bytes(), set()
    for song in songs:
        got, size = by_library(server, EXTRACT, [CONFIG, chunk(song)])
        assert got and got.isupper() and size <= MOST_SAID, f"{got} in {size} B"
        kinds.add(got)
    grown = server.resident_bytes() - before
    assert grown < MOST_GROWTH, f"{grown >> 20} MiB more than before"
    return f"{len(songs)} refused, {', '.join(sorted(kinds))}"


def web_calls(server):
    """gRPC-Web over HTTP/1.1: a call is answered, one that is too large refused, and those that stop halfway let
    others be answered."""
    lines = ("content-type: application/grpc-web+proto", "x-grpc-web: 1", "origin: https://here.test", "host: here.test")

    def post(claimed, content, length):
        connection = connect(server)
        headers = "\r\n".join([f"POST {INFO} HTTP/1.1", *lines, f"content-length: {length}"])
        send(connection, f"{headers}\r\n\r\n".encode() + struct.pack(">BI", 0, claimed) + content)
        return connection

    def status(connection):
        with contextlib.closing(connection):
            said = b""
            while (found := re.search(rb"grpc-status: ?(\d+)\r\n", said)) is None:
                more = connection.recv(65536)
                assert more, f"no status: {said[-200:]}"
                said += more
            return int(found[1])

    assert status(post(0, b"", 5)) == 0
    assert status(post(4 << 20, bytes(5_000), 4 << 20)) == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    halves = [post(4_000, bytes(1_000), 4_005) for _ in range(100)]
    assert status(post(0, b"", 5)) == 0
    for connection in halves:
        connection.close()
    return f"answered, also beside {len(halves)} that stop halfway; 4 MiB refused"
