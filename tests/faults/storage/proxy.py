"""An HTTP/1.1 proxy between a program and its object store that fails when told to.

Each request has a connection of its own to the store. What can be told: answer with 503, close without an
answer, say nothing at all, cut answers after some bytes, hold the writes of an object until several have
come, call back when a write is done and its answer not yet sent.
"""

import asyncio
import threading

# Longest wait for the other ones of a barrier, in seconds.
BARRIER_SECONDS = 60


class Faults:
    """What goes wrong, from now on."""

    def __init__(self):
        self.every_503 = 0  # of so many requests one is answered with 503; 0 is none
        self.refuse = False  # connections are closed at once
        self.silent = False  # requests are read and never answered
        self.cut_after = None  # bytes of an answer's body, after which the connection is reset
        self.lose_answer_of = None  # end of the path of a write that is done and not answered
        self.written = None  # called with method and path after each write
        self.barrier = None  # (end of a path, how many): writes wait until so many have come, once


class Proxy:
    """Runs in a thread of its own until the process ends."""

    def __init__(self, store_port):
        self.store_port = store_port
        self.faults = Faults()
        self.requests = 0
        self.body_bytes = 0  # of answers to GET
        self.seen = []  # method and path of every request
        self._waiting = []
        self._running = set()  # the event loop holds tasks by weak references only
        started = threading.Event()
        threading.Thread(target=self._run, args=[started], daemon=True).start()
        started.wait()

    def _run(self, started):
        async def serve():
            server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=1 << 20)
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            await server.serve_forever()

        asyncio.run(serve())

    async def _connection(self, reader, writer):
        task = asyncio.current_task()
        self._running.add(task)
        try:
            await self._request(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._running.discard(task)
            writer.close()

    async def _request(self, reader, writer):
        faults = self.faults
        if faults.refuse:
            writer.transport.abort()
            return
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        length = self._length(head)
        body = await reader.readexactly(length) if length else b""
        self.requests += 1
        self.seen.append((method, path))
        if faults.silent:
            await asyncio.sleep(3600)
        if faults.every_503 and self.requests % faults.every_503 == 0:
            writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        write = method in ("PUT", "POST")
        if write and faults.barrier and path.endswith(faults.barrier[0]):
            await self._barrier(faults.barrier[1])
        answer_head, body_reader, left, store = await self._forward(head, body)
        if write and (written := faults.written):
            # In a thread: it may wait for a process to be gone.
            await asyncio.to_thread(written, method, path)
        if write and faults.lose_answer_of and path.endswith(faults.lose_answer_of):
            faults.lose_answer_of = None
            writer.transport.abort()
            store.close()
            return
        writer.write(answer_head)
        sent = 0
        while method != "HEAD" and (left is None or left > 0):
            block = await body_reader.read(1 << 16 if left is None else min(left, 1 << 16))
            if not block:
                break
            if method == "GET" and faults.cut_after is not None:
                block = block[: faults.cut_after - sent]
            writer.write(block)
            await writer.drain()
            sent += len(block)
            left = None if left is None else left - len(block)
            self.body_bytes += len(block) if method == "GET" else 0
            if method == "GET" and faults.cut_after is not None and sent >= faults.cut_after:
                # What is written arrives, then the connection ends in the middle of the body.
                break
        await writer.drain()
        store.close()

    async def _forward(self, head, body):
        reader, store = await asyncio.open_connection("127.0.0.1", self.store_port, limit=1 << 20)
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"expect:"))]
        store.write(lines[0] + b"\r\nConnection: close\r\n" + b"\r\n".join(lines[1:]) + body)
        await store.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        while answer.startswith(b"HTTP/1.1 100"):
            answer = await reader.readuntil(b"\r\n\r\n")
        lines = [line for line in answer.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        known = any(line.lower().startswith(b"content-length:") for line in lines)
        answer = lines[0] + b"\r\nConnection: close\r\n" + b"\r\n".join(lines[1:])
        return answer, reader, self._length(answer) if known else None, store

    async def _barrier(self, size):
        event = asyncio.Event()
        self._waiting.append(event)
        if len(self._waiting) >= size:
            for waiting in self._waiting:
                waiting.set()
            self._waiting, self.faults.barrier = [], None
        await asyncio.wait_for(event.wait(), BARRIER_SECONDS)

    @staticmethod
    def _length(head):
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                return int(value)
        return 0
