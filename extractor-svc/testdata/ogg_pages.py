"""Pages of Ogg files, taken apart and put together again: for clips that no encoder here writes."""
import struct


def checksum(data):
    """CRC of RFC 3533, section 6: polynomial 04c11db7, most significant bit first."""
    crc = 0
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


def read(path):
    """Pages as `[flags, granule, serial, sequence, segments, body]`."""
    with open(path, "rb") as f:
        data = f.read()
    pages, at = [], 0
    while at < len(data):
        marker, _, flags, granule, serial, sequence, _, count = struct.unpack("<4sBBqIIIB", data[at:at + 27])
        assert marker == b"OggS"
        body = at + 27 + count
        segments = data[at + 27:body]
        at = body + sum(segments)
        pages.append([flags, granule, serial, sequence, segments, data[body:at]])
    return pages


def write(path, pages):
    with open(path, "wb") as f:
        for flags, granule, serial, sequence, segments, body in pages:
            head = [struct.pack("<4sBBqII", b"OggS", 0, flags, granule, serial, sequence), bytes([len(segments)]) + segments]
            f.write(head[0] + struct.pack("<I", checksum(head[0] + bytes(4) + head[1] + body)) + head[1] + body)


def unknown_positions(path):
    """Every second page of audio says -1, though packets end on it, as an old encoder wrote it."""
    pages = read(path)
    audio = [page for page in pages if page[1] > 0][:-1]
    for page in audio[::2]:
        page[1] = -1
    write(path, pages)


def chained(path):
    """The stream twice, under two numbers."""
    pages = read(path)
    write(path, pages + [[flags, granule, serial + 1, *rest] for flags, granule, serial, *rest in pages])


def behind_skeleton(path):
    """A stream without audio is the first of the file."""
    pages = read(path)
    head = b"fishead\0" + struct.pack("<HH", 3, 0) + bytes(52)
    write(path, [[2, 0, 77, 0, bytes([len(head)]), head], pages[0], [4, 0, 77, 1, b"\0", b""], *pages[1:]])


def softer(path):
    """An output gain of -6 dB in the header of Opus (RFC 7845, section 5.1)."""
    pages = read(path)
    head = pages[0][5]
    pages[0][5] = head[:16] + struct.pack("<h", -6 * 256) + head[18:]
    write(path, pages)
