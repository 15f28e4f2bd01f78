"""The object stores of the scenario, each a program on this host: SeaweedFS for S3, Azurite for Azure.

Both have: the `scheme` of their URLs, their `port`, `endpoint_at` the port of a proxy before them, the `environment` of a program that
may use them, the `secret_name` in it, and `part`, which the path of a part of an object has in it.
"""

import base64
import email.utils
import hashlib
import hmac
import http.client
import os
import subprocess
import time

from seaweedfs import MAX_START, SeaweedFS, free_ports

CONTAINER = "library"


class S3(SeaweedFS):
    scheme, part, secret_name = "s3", "uploadId=", "AWS_SECRET_ACCESS_KEY"

    def __init__(self, weed, folder):
        super().__init__(weed, folder, credentials=("scenario", "scenario-secret"))
        self.create(CONTAINER)
        self.port = self.s3

    def endpoint_at(self, port):
        return f"http://127.0.0.1:{port}"


class Azure:
    """Azurite, Microsoft's emulator, with the one account that it comes with; its key is public."""

    scheme, part, secret_name = "az", "comp=block", "AZURE_STORAGE_ACCOUNT_KEY"
    account = "devstoreaccount1"
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

    def __init__(self, azurite, folder):
        os.makedirs(folder)
        [self.port] = free_ports(1)
        log = open(os.path.join(folder, "azurite.log"), "w")
        self.process = subprocess.Popen(
            [azurite, "--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--location", folder,
             "--silent", "--disableTelemetry"], stdout=log, stderr=log)
        deadline = time.monotonic() + MAX_START
        while True:
            try:
                status, said = self.create(CONTAINER)
                break
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise SystemExit(f"Azurite does not start; see {log.name}") from None
                time.sleep(0.2)
        if status != 201:
            raise SystemExit(f"no container: {status} {said[:300]}")

    def create(self, container):
        """A container, by a request signed with the shared key; clients of the scenario have no call for it."""
        headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
        signed = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
        text = "PUT" + "\n" * 12 + signed + f"/{self.account}/{self.account}/{container}\nrestype:container"
        code = hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()
        headers |= {"Authorization": f"SharedKey {self.account}:{base64.b64encode(code).decode()}", "Content-Length": "0"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("PUT", f"/{self.account}/{container}?restype=container", headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def endpoint_at(self, port):
        return f"http://127.0.0.1:{port}/{self.account}"

    def environment(self):
        return {"AZURE_STORAGE_ACCOUNT_NAME": self.account, "AZURE_STORAGE_ACCOUNT_KEY": self.key,
                "SOUNDALIKE_STORAGE_ALLOW_HTTP": "true"}

    def stop(self):
        self.process.kill()
        self.process.wait()
