"""Real calls for the checks: is it SERVING, extract a file, ask for its neighbours.

Stubs are made from the .proto files when this is imported, in a folder that goes with the process.
"""

import argparse
import contextlib
import pathlib
import sys
import tempfile

import grpc
import grpc_tools
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_tools import protoc

# The well-known types come with the compiler.
KNOWN = pathlib.Path(grpc_tools.__file__).parent / "_proto"
SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "proto" / "schema"
CHUNK_BYTES = 64 * 1024
SECONDS = 60

_STUBS = tempfile.TemporaryDirectory()
if protoc.main([
    "protoc", f"--proto_path={SCHEMA}", f"--proto_path={KNOWN}",
    f"--python_out={_STUBS.name}", f"--grpc_python_out={_STUBS.name}",
    *(str(path.relative_to(SCHEMA)) for path in sorted(SCHEMA.glob("soundalike/v1/*.proto"))),
]):
    sys.exit("the schema does not compile")
sys.path.insert(0, _STUBS.name)

from soundalike.v1 import extractor_service_pb2 as extractor  # noqa: E402
from soundalike.v1 import extractor_service_pb2_grpc as extractor_grpc  # noqa: E402
from soundalike.v1 import index_service_pb2 as index  # noqa: E402
from soundalike.v1 import index_service_pb2_grpc as index_grpc  # noqa: E402
from soundalike.v1 import query_pb2 as query  # noqa: E402

EXTRACTOR, INDEX = "soundalike.v1.ExtractorService", "soundalike.v1.IndexService"


@contextlib.contextmanager
def connected(address):
    """A channel whose server is there within a minute."""
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=SECONDS)
        yield channel


def serving(channel, service):
    """Whether the service, by its full name, or the process, by none, is SERVING."""
    request = health_pb2.HealthCheckRequest(service=service)
    answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=SECONDS)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


def extract(channel, audio):
    """The feature vector of encoded audio."""

    def messages():
        yield extractor.ExtractFeaturesRequest(config=extractor.ExtractionConfig())
        for start in range(0, len(audio), CHUNK_BYTES):
            yield extractor.ExtractFeaturesRequest(chunk=audio[start:start + CHUNK_BYTES])

    stub = extractor_grpc.ExtractorServiceStub(channel)
    return stub.ExtractFeatures(messages(), timeout=SECONDS).feature_vector


def neighbors(channel, vector, count=3, **options):
    """The nearest tracks: id and distance."""
    request = index.QueryByFeaturesRequest(
        feature_vector=vector, options=query.QueryOptions(page_size=count, **options))
    answer = index_grpc.IndexServiceStub(channel).QueryByFeatures(request, timeout=SECONDS)
    return [(hit.track.track_id, hit.distance) for hit in answer.neighbors]


def lookup(channel, track_id):
    """The row of a track."""
    request = index.LookupRequest(track_id=track_id)
    return index_grpc.IndexServiceStub(channel).Lookup(request, timeout=SECONDS).track.track_index


def main():
    parser = argparse.ArgumentParser(description="Both services are SERVING, and FILE's nearest track is FILE.")
    for flag in ("--extractor", "--index", "--audio"):
        parser.add_argument(flag, required=True)
    options = parser.parse_args()
    audio = pathlib.Path(options.audio)
    with connected(options.extractor) as to_extractor, connected(options.index) as to_index:
        for channel, service in ((to_extractor, EXTRACTOR), (to_index, INDEX)):
            for name in ("", service):
                assert serving(channel, name), f"{service}: {name!r} is not SERVING"
        vector = extract(to_extractor, audio.read_bytes())
        found = neighbors(to_index, vector, include_seeds=True)
    name, distance = found[0]
    assert name == audio.name and distance < 1e-3, found
    print(f"SERVING; {audio.name} has {len(vector.values)} features; nearest: {found}")


if __name__ == "__main__":
    main()
