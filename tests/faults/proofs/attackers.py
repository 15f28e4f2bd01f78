"""Bytes that no gRPC library would send, over raw sockets."""
import random
import socket
import struct
import threading
import time

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 0x1, 0x1, 0x4, 0x8, 0x20
EXTRACT = "/soundalike.v1.ExtractorService/ExtractFeatures"


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """A frame; `length` may lie."""
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def head(path=EXTRACT, extra=(), encoder=None):
    """The headers of a call, in HPACK; by the encoder of its connection, if it is not the first one there."""
    pairs = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"),
             ("content-type", "application/grpc"), ("te", "trailers"), *extra]
    # Not Huffman-coded: that takes quadratic time for the long ones.
    return (encoder or hpack.Encoder()).encode(pairs, huffman=False)


HELLO = PREFACE + frame(SETTINGS)
CALL = frame(HEADERS, END_HEADERS, 1, head())


def connect(server, timeout=20):
    return socket.create_connection(("127.0.0.1", server.port), timeout=timeout)


def closed(connection, seconds):
    """Whether the server ends the connection in time. Reads away what it says before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        connection.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            if not connection.recv(65536):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


def send(connection, content):
    """Sends, unless the server has hung up already."""
    try:
        connection.sendall(content)
    except OSError:
        return False
    return True


def shake_hands(connection):
    """Takes the server's settings and its window, without which it lets 64 KiB through."""
    send(connection, HELLO)
    said, seen = b"", set()
    while not {SETTINGS, WINDOW} <= seen:
        more = connection.recv(65536)
        assert more, "the server hung up"
        said += more
        while len(said) >= 9 and len(said) >= (end := 9 + int.from_bytes(said[:3], "big")):
            seen.add(said[3])
            said = said[end:]
    send(connection, frame(SETTINGS, ACK))


def half_close(connection):
    """Says no more, unless the server has hung up already."""
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def all_closed(connections, seconds, what):
    deadline = time.monotonic() + seconds
    for connection in connections:
        assert closed(connection, max(0.05, deadline - time.monotonic())), f"{what}: still open after {seconds} s"
        connection.close()


def message(payload):
    """A gRPC message in a DATA frame."""
    return frame(DATA, 0, 1, struct.pack(">BI", 0, len(payload)) + payload)


CONFIG = message(b"\x0a\x00")


def dripping_uploads(server, count=40):
    """A byte of audio every tenth of a second, each in time; the wall time ends them."""
    connections = [connect(server) for _ in range(count)]
    for connection in connections:
        send(connection, HELLO + CALL + CONFIG)
    refused = 0
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        for connection in connections:
            send(connection, message(b"\x12\x01\x00"))
        time.sleep(0.1)
    for connection in connections:
        connection.settimeout(5)
        said = b""
        try:
            while b"WALL_TIME" not in said and b"longer" not in said:
                more = connection.recv(65536)
                if not more:
                    break
                said += more
        except OSError:
            pass
        # A status is a HEADERS frame on stream 1.
        refused += any(kind == HEADERS for kind in kinds(said))
        connection.close()
    assert refused == count, f"{refused} of {count} slow uploads were answered"
    return f"{refused} of {count} answered with a status after the wall time"


def kinds(content):
    """The kinds of the frames of stream 1."""
    at = 0
    while at + 9 <= len(content):
        length = int.from_bytes(content[at:at + 3], "big")
        if int.from_bytes(content[at + 5:at + 9], "big") == 1:
            yield content[at + 3]
        at += 9 + length


def silent_uploads(server, count=60):
    """Begins uploads and says no more."""
    connections = [connect(server) for _ in range(count)]
    for connection in connections:
        send(connection, HELLO + CALL + CONFIG)
    all_closed(connections, 20, "silent uploads")
    return f"{count} closed: nobody answers the pings"


def slow_prefaces(server, count=100):
    """A byte of the preface a second."""
    connections = [connect(server) for _ in range(count)]
    for byte in PREFACE[:6]:
        for connection in connections:
            send(connection, bytes([byte]))
        time.sleep(0.3)
    all_closed(connections, 40, "slow prefaces")
    return f"{count} closed by the handshake's limit"


def half_open(server, count=200):
    """Peers that vanish after the handshake: nobody answers."""
    connections = [connect(server) for _ in range(count)]
    for connection in connections:
        send(connection, HELLO)
    all_closed(connections, 20, "half-open")
    return f"{count} closed: nobody answers the pings"


def other_protocols(server):
    said = [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
            b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", bytes(1000), b"SSH-2.0-OpenSSH_9.0\r\n", b""]
    connections = []
    for content in said:
        connection = connect(server)
        send(connection, content)
        half_close(connection)
        connections.append(connection)
    all_closed(connections, 20, "other protocols")
    return f"{len(said)} closed"


def oversized_metadata(server):
    """Above the 16 KiB that a call may have, in one header, in many, and above any frame: refused with a
    status, with 431, by a reset or a close."""
    blocks = [head(extra=[("x-big", "a" * 20_000)]), head(extra=[(f"x-{i}", "b" * 100) for i in range(400)]),
              head(extra=[("x-huge", "c" * 1_000_000)])]
    refused = 0
    for block in blocks:
        connection = connect(server)
        send(connection, HELLO)
        pieces = [block[at:at + 16_000] for at in range(0, len(block), 16_000)]
        for number, piece in enumerate(pieces):
            flags = END_HEADERS if number == len(pieces) - 1 else 0
            kind = HEADERS if number == 0 else CONTINUATION
            if not send(connection, frame(kind, flags, 1, piece)):
                break
        said, ended = b"", False
        connection.settimeout(2)
        try:
            while more := connection.recv(65536):
                said += more
                if any(kind in (HEADERS, RST) for kind in kinds(said)):
                    break
            ended = not more
        except ConnectionError:
            ended = True
        except OSError:
            pass
        refused += ended or any(kind in (HEADERS, RST) for kind in kinds(said))
        connection.close()
    assert refused == len(blocks)
    return f"{refused} of {len(blocks)} refused"


MALFORMED = {
    "settings": [frame(SETTINGS, 0, 0, b"\x00" * 5), frame(SETTINGS, 0, 3), frame(SETTINGS, ACK, 0, b"\x00" * 6),
                 frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0x80000000)), frame(SETTINGS, 0, 0, struct.pack(">HI", 5, 1)),
                 frame(SETTINGS, 0, 0, struct.pack(">HI", 2, 7))],
    "windows": [frame(WINDOW, 0, 0, bytes(4)), frame(WINDOW, 0, 0, b"\x00"), frame(WINDOW, 0, 99, b"\x00\x00\x00\x01"),
                frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff") * 2, CALL + frame(WINDOW, 0, 1, b"\x7f\xff\xff\xff") * 2],
    "headers": [frame(HEADERS, END_HEADERS, 0, head()), frame(HEADERS, END_HEADERS, 2, head()),
                frame(HEADERS, END_HEADERS, 1, b"\xff" * 100), frame(HEADERS, END_HEADERS | PADDED, 1, b"\xff" + head()),
                frame(HEADERS, END_HEADERS | PRIORITIZED, 1, struct.pack(">IB", 1, 5) + head()),
                frame(HEADERS, END_HEADERS, 1, hpack.Encoder().encode([("UPPER", "x")])),
                frame(HEADERS, END_HEADERS, 1, hpack.Encoder().encode([(":status", "200")])),
                CALL + frame(HEADERS, END_HEADERS, 1, head()), frame(CONTINUATION, END_HEADERS, 1, head()),
                frame(HEADERS, 0, 1, head()) + frame(PING, 0, 0, bytes(8))],
    "data": [frame(DATA, 0, 0, b"x"), frame(DATA, 0, 1, b"x"), CALL + frame(DATA, PADDED, 1, b"\xffxx"),
             CALL + frame(DATA, END_STREAM, 1, b"") + frame(DATA, 0, 1, b"late"),
             CALL + frame(DATA, END_STREAM, 1, b"\x00\xff\xff\xff\xff"), CALL + frame(DATA, END_STREAM, 1, b"\x01\x00\x00\x00\x00"),
             CALL + frame(DATA, END_STREAM, 1, struct.pack(">BI", 0, 3) + b"\xff\xff\xff")],
    "others": [frame(PING, 0, 0, b"short"), frame(PING, 0, 5, bytes(8)), frame(RST, 0, 0, bytes(4)), frame(RST, 0, 7, bytes(4)),
               frame(RST, 0, 1, b"x"), frame(GOAWAY, 0, 0, b"x"), frame(GOAWAY, 0, 9, bytes(8)), frame(PUSH, END_HEADERS, 1, bytes(4)),
               frame(PRIORITY, 0, 1, b"x"), frame(77, 255, 12, b"unknown kinds are passed over"),
               frame(DATA, 0, 1, b"", length=0xffffff), frame(HEADERS, END_HEADERS, 1, head(), length=5)],
}


def malformed(server, frames):
    for content in frames:
        connection = connect(server)
        send(connection, HELLO + content)
        half_close(connection)
        assert closed(connection, 20), content[:40]
        connection.close()
    return f"{len(frames)} sent"


def calls_reset(count):
    """CVE-2023-44487."""
    for stream in range(1, 2 * count, 2):
        yield frame(HEADERS, END_HEADERS, stream, head()) + frame(RST, 0, stream, struct.pack(">I", 8))


FLOODS = {
    "calls reset at once": lambda: calls_reset(20_000),
    "pings": lambda: (frame(PING, 0, 0, bytes(8)) for _ in range(50_000)),
    "settings": lambda: (frame(SETTINGS) for _ in range(50_000)),
    "empty data": lambda: [CALL, *(frame(DATA, 0, 1) for _ in range(50_000))],
    "continuations": lambda: [frame(HEADERS, 0, 1, head()), *(frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b") for _ in range(50_000))],
    "empty continuations": lambda: [frame(HEADERS, 0, 1, head()), *(frame(CONTINUATION, 0, 1) for _ in range(50_000))],
    "priorities": lambda: (frame(PRIORITY, 0, 2 * i + 1, struct.pack(">IB", 0, 1)) for i in range(50_000)),
    "calls without an end": lambda: (frame(HEADERS, END_HEADERS, 2 * i + 1, head()) for i in range(5_000)),
}


def flooded(server, flood):
    """Sends all of it, while a thread reads away what comes back, or until the server hangs up."""
    connection = connect(server)
    send(connection, HELLO)

    def drain():
        try:
            while connection.recv(65536):
                pass
        except OSError:
            pass

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    sent, batch = 0, []
    hung_up = False
    for one in flood():
        batch.append(one)
        if len(batch) == 500:
            if not send(connection, b"".join(batch)):
                hung_up = True
                break
            sent, batch = sent + len(batch), []
    connection.close()
    reader.join(5)
    return f"{sent} frames, {'then the server hung up' if hung_up else 'all taken'}"


def fuzz(server, seed, connections):
    """Frames of random kind, flags, stream, length and content, some after a real call."""
    rng = random.Random(seed)
    frames = 0
    for _ in range(connections):
        connection = connect(server)
        content = [HELLO if rng.random() < 0.9 else PREFACE]
        if rng.random() < 0.5:
            content.append(CALL)
        for _ in range(rng.randrange(1, 30)):
            payload = rng.choice([rng.randbytes(rng.randrange(64)), head(), CONFIG, bytes(rng.randrange(200))])
            lie = len(payload) if rng.random() < 0.9 else rng.randrange(1 << 24)
            content.append(frame(rng.randrange(12), rng.randrange(256), rng.choice([0, 1, 1, 3, rng.randrange(1 << 31)]), payload, lie))
            frames += 1
        whole = bytearray(b"".join(content))
        for _ in range(rng.randrange(4)):
            whole[rng.randrange(len(whole))] = rng.randrange(256)
        send(connection, bytes(whole))
        if rng.random() < 0.5:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    return f"{frames} frames on {connections} connections, seed {seed}"


def many(server, count, held=None):
    """Opens so many connections, keeps those that the server keeps, then lets them go."""
    connections, refused = [], 0
    for _ in range(count):
        connection = connect(server)
        if send(connection, HELLO):
            connections.append(connection)
        else:
            refused += 1
    if held is not None:
        # Answering pings is what keeps them.
        stop = threading.Event()
        keeper = threading.Thread(target=answer_pings, args=(connections, stop), daemon=True)
        keeper.start()
        held()
        stop.set()
        keeper.join(10)
        open_now = sum(not closed(connection, 0) for connection in connections)
        assert open_now == count, f"{open_now} of {count} are open"
        memory = server.resident_bytes() >> 20
    for connection in connections:
        connection.close()
    return f"{count} at a time, {memory} MiB then, and a call in between" if held else f"{count} opened, the server kept its limit"


HEALTH = "/grpc.health.v1.Health/Check"


def half_sent(server, path, claimed, sent, count=1000, streams=100, most=64 << 20):
    """Messages that claim a length and stop before it, on so many streams of so many connections. Bounded is what
    they take beside connections that say nothing."""
    alone = server.resident_bytes()
    encoder, content = hpack.Encoder(), struct.pack(">BI", 0, claimed) + bytes(sent)
    pieces = [content[at:at + 16_000] for at in range(0, len(content), 16_000)]
    begins = [frame(HEADERS, END_HEADERS, stream, head(path, encoder=encoder)) for stream in range(1, 2 * streams, 2)]
    goes_on = [b"".join(frame(DATA, 0, stream, one) for one in pieces) for stream in range(1, 2 * streams, 2)]
    connections = [connect(server) for _ in range(count)]
    for connection in connections:
        shake_hands(connection)
    idle = server.resident_bytes()
    for connection in connections:
        send(connection, b"".join(begins))
    pinged(connections)
    # The server takes no more than its windows, or hangs up.
    for connection in connections:
        connection.settimeout(0.2)
        send(connection, b"".join(goes_on))
    kept = pinged(connections)
    grown = server.resident_bytes() - idle
    for connection in connections:
        connection.close()
    assert grown < most, f"{grown >> 20} MiB above {idle - alone >> 20} MiB of idle connections"
    return f"{count} x {streams}, {kept} kept, {grown >> 20} MiB above {idle - alone >> 20} MiB of connections"


def pinged(connections):
    """Waits until the server has read all that was sent. How many connections it still reads."""
    kept = 0
    for connection in connections:
        connection.settimeout(5)
        said = b""
        if send(connection, frame(PING, 0, 0, b"all read")):
            try:
                while b"all read" not in said[-4096:] and (more := connection.recv(65536)):
                    said += more
            except OSError:
                pass
        kept += b"all read" in said[-4096:]
    return kept


def idle_crowd(server, metrics_port, count=600, probes=200):
    """Connections that say nothing, more than once kept all probes out; every probe is answered all the same."""
    connections = [connect(server) for _ in range(count)]
    for connection in connections:
        send(connection, HELLO)
    answered = 0
    for number in range(probes):
        page = ("/livez", "/readyz")[number % 2]
        with socket.create_connection(("127.0.0.1", metrics_port), timeout=20) as probe:
            probe.sendall(f"GET {page} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            answered += probe.recv(12) == b"HTTP/1.1 200"
    for connection in connections:
        connection.close()
    assert answered == probes, f"{answered} of {probes} probes"
    return f"{answered} of {probes} probes answered beside {count} idle connections"


def from_other_address(server, address="127.0.0.2"):
    """Whether a caller of another address is spoken to."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20, source_address=(address, 0)) as connection:
        send(connection, HELLO)
        return len(connection.recv(9)) == 9


def crowd(server, limit):
    """All connections that one address gets; others, and probes, get theirs all the same."""
    connections = [connect(server) for _ in range(limit + 50)]
    spoken_to = 0
    for connection in connections:
        send(connection, HELLO)
        try:
            spoken_to += len(connection.recv(9)) == 9
        except OSError:
            pass
    others = from_other_address(server)
    for connection in connections:
        connection.close()
    assert (spoken_to, others) == (limit, True), f"{spoken_to} of {limit}, others: {others}"
    return f"{spoken_to} of {limit + 50} connections kept, another address is served"


def answer_pings(connections, stop):
    """Reads whatever came and acknowledges every ping in it."""
    for connection in connections:
        connection.setblocking(False)
    while not stop.is_set():
        for connection in connections:
            try:
                said = connection.recv(4096)
            except OSError:
                continue
            at = 0
            while at + 9 <= len(said):
                length = int.from_bytes(said[at:at + 3], "big")
                if said[at + 3] == PING and not said[at + 4] & ACK:
                    send(connection, frame(PING, ACK, 0, said[at + 9:at + 9 + length]))
                at += 9 + length
        time.sleep(0.05)
