"""What the extractor refuses."""
import hashlib
import math
import time

import grpc
from google.protobuf import duration_pb2
from servers import AUDIO, Server, float_bytes, matroska_without_audio, tone, wav
from soundalike.v1 import extractor_service_pb2 as extractor
from soundalike.v1 import extractor_service_pb2_grpc as extractor_grpc
from soundalike.v1 import warning_pb2 as warning
from verdict import SECONDS

BAD = "INVALID_ARGUMENT"
MUCH = "RESOURCE_EXHAUSTED"
PCM_F32LE = extractor.ExtractionConfig.AUDIO_ENCODING_PCM_F32LE
PCM_S16LE = extractor.ExtractionConfig.AUDIO_ENCODING_PCM_S16LE


def config(**settings):
    return extractor.ExtractFeaturesRequest(config=extractor.ExtractionConfig(**settings))


def chunk(audio):
    return extractor.ExtractFeaturesRequest(chunk=audio)


def upload(audio, **settings):
    """A well-formed stream."""
    yield config(**settings)
    for start in range(0, len(audio), 1 << 16):
        yield chunk(audio[start:start + (1 << 16)])


def stalled(*messages):
    """A stream that never ends."""
    yield from messages
    time.sleep(SECONDS)


def seconds(value):
    return duration_pb2.Duration(seconds=value)


def two_tracks():
    """The track of an MP4 twice. Its `moov` is the last box, so that no offset moves."""
    content = (AUDIO / "chords_alac_22050.m4a").read_bytes()
    movie = content.index(b"moov") - 4
    track = content.index(b"trak", movie) - 4
    size = int.from_bytes(content[track:track + 4])
    length = int.from_bytes(content[movie:movie + 4]) + size
    return b"".join((content[:movie], length.to_bytes(4), content[movie + 4:track + size], content[track:track + size],
                     content[track + size:]))


def findings():
    """Audio with something to say about it, by the finding."""
    flac = (AUDIO / "chords_s16_44100.flac").read_bytes()
    mp3 = bytearray((AUDIO / "band_cbr128_44100_stereo.mp3").read_bytes())
    mp3[20_000:21_000] = bytes(1_000)
    # A block is lost of those that STREAMINFO counts.
    short = bytearray(flac)
    short[len(flac) // 2] ^= 0xff
    return {
        "TRUNCATED_STREAM": flac[:len(flac) // 2],
        "RESYNCHRONIZED": bytes(mp3),
        "CLIPPED": wav(22_050, 1, [math.copysign(1.0, sample) for sample in tone(22_050, 2)]),
        "SHORT_WINDOW": wav(22_050, 1, tone(22_050, 1)),
        "DURATION_MISMATCH": bytes(short),
        "TRAILING_AUDIO": (AUDIO / "arpeggio_opus_chained.opus").read_bytes(),
        "SEVERAL_TRACKS": two_tracks(),
        # Noise in the silence, at whatever level, would have more pitches than the tone.
        "TUNING_AMBIGUOUS": wav(22_050, 1, tone(22_050, 0.5) + [0.0] * (20 * 22_050)),
    }


def finding_cases(check, stub):
    """Each finding is told with the vector, and refused by its name where that is asked for."""
    def extract(content, **settings):
        return stub.ExtractFeatures(upload(content, max_damage=1, **settings), timeout=SECONDS)

    for reason, content in findings().items():
        code = warning.Warning.Code.Value(f"CODE_{reason}")
        answer = extract(content)
        told = [warning.Warning.Code.Name(one.code) for one in answer.warnings]
        if not (answer.feature_vector.values and code in (one.code for one in answer.warnings)):
            check.fail(f"{reason}: not told, but {told}")
        check.refused(reason, BAD, lambda: extract(content, refused_warnings=[code]), "chunk", ["finding"])


def extractor_cases(check, binary):
    with Server(binary) as server, grpc.insecure_channel(server.address) as channel:
        stub = extractor_grpc.ExtractorServiceStub(channel)

        def send(messages):
            return lambda: stub.ExtractFeatures(iter(messages), timeout=SECONDS)

        def audio(reason, content, facts=(), **settings):
            check.refused(reason, BAD, send(upload(content, **settings)), "chunk", facts)

        def setting(reason, field, **settings):
            check.refused(reason, BAD, send(upload(song, **settings)), field)

        song = wav(22_050, 1, tone(22_050, 1))
        flac = (AUDIO / "chords_s16_44100.flac").read_bytes()
        audio("UNSUPPORTED_CONTAINER", b"These are not the bytes of any music." * 100)
        audio("UNSUPPORTED_CODEC", (AUDIO / "chords_speex_16000.ogg").read_bytes(), ["codec"])
        audio("UNDECODABLE_AUDIO", flac[:20])
        audio("NO_AUDIO_TRACK", matroska_without_audio())
        audio("EMPTY_AUDIO", b"")
        audio("SILENT_AUDIO", wav(22_050, 1, [0.0] * 22_050), ["frames"])
        audio("SAMPLE_RATE_UNSUPPORTED", wav(10, 1, tone(10, 10, 1)),
              ["sample_rate_hertz", "min_sample_rate_hertz", "max_sample_rate_hertz"])
        audio("TOO_MANY_CHANNELS", bytes(4096), ["channel_count", "max_channel_count"],
              encoding=PCM_S16LE, sample_rate_hertz=22_050, channel_count=512)
        samples = tone(22_050, 1)
        samples[20_000] = math.nan
        audio("NON_FINITE_SAMPLE", float_bytes(samples), ["sample_index"],
              encoding=PCM_F32LE, sample_rate_hertz=22_050, channel_count=1)
        integers = float_bytes([32_767 * sample for sample in tone(22_050, 1)])
        audio("IMPLAUSIBLE_SAMPLES", integers, ["peak", "max_peak"],
              encoding=PCM_F32LE, sample_rate_hertz=22_050, channel_count=1)
        setting("ENCODING_MISMATCH", "config.encoding", encoding=PCM_S16LE, sample_rate_hertz=22_050, channel_count=1)

        finding_cases(check, stub)
        audio("TOO_DAMAGED", flac[:len(flac) // 2], ["damaged_share", "max_damage"])
        check.refused("UPLOAD_INCOMPLETE", BAD, send(upload(flac[:-1], expected_bytes=len(flac))),
                      "config.expected_bytes", ["bytes", "expected_bytes"])
        digest = hashlib.sha256(flac).hexdigest()
        check.refused("UPLOAD_CORRUPT", BAD, send(upload(flac[:-1] + b"?", sha256=digest)),
                      "config.sha256", ["sha256", "expected_sha256"])
        whole = stub.ExtractFeatures(upload(flac, expected_bytes=len(flac), sha256=digest), timeout=SECONDS)
        assert whole.feature_vector.values and not whole.warnings and whole.damaged_share == 0, whole

        setting("UNKNOWN_PROFILE", "config.profile_id", profile_id="librosa-9")
        setting("INVALID_WINDOW", "config.offset", offset=seconds(-1))
        setting("INVALID_WINDOW", "config.duration", duration=seconds(0))
        setting("OFFSET_PAST_END", "config.offset", offset=seconds(60))
        setting("INVALID_FIELD", "config.encoding", encoding=99)
        setting("INVALID_FIELD", "config.sample_rate_hertz", encoding=PCM_S16LE, channel_count=1)
        setting("INVALID_FIELD", "config.channel_count", encoding=PCM_S16LE, sample_rate_hertz=22_050)
        setting("INVALID_FIELD", "config.view", view=99)
        setting("INVALID_FIELD", "config.refused_warnings", refused_warnings=[99])
        setting("INVALID_FIELD", "config.max_damage", max_damage=1.5)
        setting("INVALID_FIELD", "config.expected_bytes", expected_bytes=-1)
        setting("INVALID_FIELD", "config.sha256", sha256="00")
        for request, field in ((dict(page_size=-1), "page_size"), (dict(page_token="x"), "page_token")):
            listing = extractor.ListFeatureProfilesRequest(**request)
            check.refused("INVALID_FIELD", BAD, lambda: stub.ListFeatureProfiles(listing, timeout=SECONDS), field)

        for messages in ([], [chunk(song)], [config(), config()], [extractor.ExtractFeaturesRequest()]):
            check.refused("MESSAGE_ORDER", BAD, send(messages), "payload", ["message", "got", "expected"])
        check.refused("CHUNK_TOO_LARGE", MUCH, send([config(), chunk(bytes((1 << 20) + 1))]),
                      facts=["bytes", "max_chunk_bytes"])
        assert stub.ExtractFeatures(upload(song), timeout=SECONDS).feature_vector.values, "the server goes on"

    flags = ("--max-stream-bytes", 100_000, "--max-audio", "2s", "--max-idle", "300ms")
    with Server(binary, *flags) as server, grpc.insecure_channel(server.address) as channel:
        stub = extractor_grpc.ExtractorServiceStub(channel)
        check.refused("STREAM_TOO_LARGE", MUCH, lambda: stub.ExtractFeatures(upload(bytes(200_000)), timeout=SECONDS),
                      facts=["max_stream_bytes"])
        long = wav(8000, 1, tone(8000, 3))
        check.refused("AUDIO_TOO_LONG", MUCH, lambda: stub.ExtractFeatures(upload(long), timeout=SECONDS),
                      facts=["max_audio_seconds"])
        check.refused("STREAM_IDLE", MUCH, lambda: stub.ExtractFeatures(stalled(config()), timeout=SECONDS),
                      facts=["max_idle_seconds"])
        cropped = stub.ExtractFeatures(upload(long, duration=seconds(1)), timeout=SECONDS)
        assert cropped.feature_vector.values, "the server goes on"

    flags = ("--max-header-bytes", 1 << 16, "--max-memory", 16 << 20)
    with Server(binary, *flags) as server, grpc.insecure_channel(server.address) as channel:
        stub = extractor_grpc.ExtractorServiceStub(channel)
        ogg = (AUDIO / "arpeggio_q2_22050_mono.ogg").read_bytes()
        second = ogg.index(b"OggS", 4)
        padded = ogg[:second] + bytes(1 << 17) + ogg[second:]
        check.refused("HEADER_TOO_LARGE", MUCH, lambda: stub.ExtractFeatures(upload(padded), timeout=SECONDS),
                      facts=["max_header_bytes"])
        minutes = wav(22_050, 1, tone(22_050, 1) * 240)
        check.refused("MEMORY_EXCEEDED", MUCH, lambda: stub.ExtractFeatures(upload(minutes), timeout=SECONDS),
                      facts=["bytes", "max_memory"])

    with Server(binary, "--max-wall", "300ms") as server, grpc.insecure_channel(server.address) as channel:
        stub = extractor_grpc.ExtractorServiceStub(channel)
        check.refused("WALL_TIME_EXCEEDED", MUCH, lambda: stub.ExtractFeatures(stalled(config()), timeout=SECONDS),
                      facts=["max_wall_seconds"])
