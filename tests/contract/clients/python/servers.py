"""The real servers as child processes, and audio made in memory, for the checks in this folder."""
import array
import math
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[4]
AUDIO = ROOT / "extractor-svc" / "testdata" / "audio"
READY = "listening on "


class Server:
    """`PREFIX... BINARY serve --listen 127.0.0.1:0 FLAGS...`, ended with the block it is opened for."""

    def __init__(self, binary, *flags, listen="127.0.0.1:0", prefix=(), reads_log=True):
        # A pipe that nobody reads, where the log is not to be read.
        self._log = tempfile.TemporaryFile("w+") if reads_log else None
        command = [*prefix, binary, "serve", "--listen", listen, *map(str, flags)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log or subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith(READY):
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"not ready: {line!r}\n{self.log()}")
        self.address = line.removeprefix(READY).strip()

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def log(self):
        if self._log is None:
            return ""
        self._log.seek(0)
        return self._log.read()

    def resident_bytes(self):
        """Memory of the process, as the kernel counts it."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the process is gone")

    def processor_seconds(self):
        """Processor time of the process so far; the kernel counts in hundredths."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def lives(self):
        return self.process.poll() is None

    def end(self):
        """SIGTERM; a server that had work may take its grace. Any code but 0 is a failure."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.process.kill()
        elif self.lives() and (code := self.end()) != 0:
            print(self.log()[-4000:], file=sys.stderr)
            raise RuntimeError(f"a server ended with code {code}")
        self.process.wait()
        self.process.stdout.close()
        if self.process.stderr:
            self.process.stderr.close()


def tone(rate, seconds, hertz=440.0):
    """A sine, as floats."""
    return [0.5 * math.sin(2 * math.pi * hertz * i / rate) for i in range(int(rate * seconds))]


def wav(rate, channels, samples, times=1):
    """16-bit PCM in a RIFF file: the samples, so many times."""
    data = array.array("h", (round(sample * 32767) for sample in samples)).tobytes() * times
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def float_bytes(samples):
    """Headerless 32-bit float PCM."""
    return struct.pack(f"<{len(samples)}f", *samples)


def matroska_without_audio():
    """A Matroska file whose only track is video."""
    def element(identifier, content):
        length = len(content)
        return bytes.fromhex(identifier) + struct.pack(">Q", length | 1 << 56) + content

    def number(identifier, value):
        return element(identifier, struct.pack(">I", value))

    header = element("1a45dfa3", number("4286", 1) + number("42f7", 1) + number("42f2", 4) + number("42f3", 8)
                     + element("4282", b"matroska") + number("4287", 4) + number("4285", 2))
    info = element("1549a966", number("2ad7b1", 1_000_000) + element("4d80", b"test") + element("5741", b"test"))
    video = element("e0", number("b0", 16) + number("ba", 16))
    track = element("ae", number("d7", 1) + number("73c5", 1) + number("83", 1) + element("86", b"V_VP8") + video)
    block = element("a3", b"\x81\x00\x00\x80" + bytes(16))
    cluster = element("1f43b675", number("e7", 0) + block)
    return header + element("18538067", info + element("1654ae6b", track) + cluster)
