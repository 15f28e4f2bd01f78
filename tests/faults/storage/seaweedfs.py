"""SeaweedFS as an S3 store on free ports of this host, in a folder of its own."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time

# Whatever is not running by then will not run.
MAX_START = 60


def free_ports(count):
    """Ports below those that the system hands out, each free together with its gRPC port (10,000 above)."""
    found = []
    port = 11000 + os.getpid() % 3000
    while len(found) < count:
        port += 7
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 10000))
            except OSError:
                continue
        found.append(port)
    return found


class SeaweedFS:
    """Anybody may do anything, unless it is given a key and a secret that are asked for."""

    def __init__(self, weed, folder, credentials=None):
        self.weed, self.folder, self.credentials = weed, folder, credentials
        self.s3, self.master, self.volume, self.filer = free_ports(4)
        self.endpoint = f"http://127.0.0.1:{self.s3}"
        self.process = None
        self.start()

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        log = open(os.path.join(self.folder, "weed.log"), "ab")
        self.process = subprocess.Popen(
            [self.weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self.folder}",
             "-s3", f"-s3.port={self.s3}", f"-master.port={self.master}", f"-volume.port={self.volume}",
             "-volume.max=20", "-master.volumeSizeLimitMB=256", "-filer", f"-filer.port={self.filer}", *self.identities()],
            stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + MAX_START
        while True:
            try:
                if self.is_ready():
                    return
            except OSError:
                pass
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise SystemExit(f"SeaweedFS does not start; see {log.name}")
            time.sleep(0.2)

    def is_ready(self):
        """The gateway, which comes last, is there. It answers before it can store anything; a bucket is the proof,
        where anybody may make one. With keys it refuses who has none, once it knows them."""
        if self.credentials:
            return self.request("GET", "/")[0] == 403
        return self.request("PUT", "/ready")[0] in (200, 409)

    def identities(self):
        if not self.credentials:
            return []
        path = os.path.join(self.folder, "s3.json")
        key, secret = self.credentials
        identity = {"name": key, "credentials": [{"accessKey": key, "secretKey": secret}],
                    "actions": ["Admin", "Read", "Write", "List"]}
        with open(path, "w") as file:
            json.dump({"identities": [identity]}, file)
        return [f"-s3.config={path}"]

    def create(self, bucket):
        """A bucket, by the administrator's door, which asks for no key; waits until there can be one, and things in it."""
        shell = [self.weed, "shell", f"-master=127.0.0.1:{self.master}", f"-filer=127.0.0.1:{self.filer}"]
        deadline = time.monotonic() + MAX_START
        while time.monotonic() < deadline:
            said = subprocess.run(shell, input=f"s3.bucket.create -name {bucket}\ns3.bucket.list\n", text=True,
                                  capture_output=True, timeout=MAX_START)
            made = said.returncode == 0 and f"  {bucket}" in said.stdout
            # Volumes are made when the first object comes.
            place = f"/buckets/{bucket}/ready"
            if made and self.request("PUT", place, b"ready", self.filer)[0] == 201:
                self.request("DELETE", place, port=self.filer)
                return
            time.sleep(0.2)
        raise SystemExit(f"no bucket: {said.stdout} {said.stderr}")

    def wait_for(self, path):
        """After a start, objects come back volume by volume."""
        deadline = time.monotonic() + MAX_START
        while (status := self.request("GET", path)[0]) != 200:
            if time.monotonic() > deadline:
                raise SystemExit(f"GET {path}: {status} after {MAX_START} s")
            time.sleep(0.2)

    def stop(self):
        # On a polite signal it waits for minutes.
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def request(self, method, path, body=None, port=None):
        """Of the gateway, or of another port."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.s3, timeout=30)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def put(self, path, body=None):
        for _ in range(50):
            status, said = self.request("PUT", path, body)
            if status == 200:
                return
            # Volumes are still being made.
            time.sleep(0.2)
        raise SystemExit(f"PUT {path}: {status} {said[:200]}")

    def get(self, path):
        return self.request("GET", path)

    def environment(self):
        """What a client of the store is started with."""
        key, secret = self.credentials or ("any", "any")
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
                "SOUNDALIKE_STORAGE_ENDPOINT": self.endpoint, "SOUNDALIKE_STORAGE_ALLOW_HTTP": "true"}
