"""index-svc in its commands, as the scenario runs it."""

import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.request

# Longest wait for something that must happen: far longer than it takes.
PATIENCE_SECONDS = 120


def wait_for(what, look):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} never came")


class Index:
    """index-svc, its store's variables in `environment`."""

    def __init__(self, binary, folder, environment):
        self.binary, self.folder = binary, folder
        self.environment = {**os.environ, "SOUNDALIKE_LOG_FORMAT": "json", **environment}

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *args):
        return subprocess.Popen(
            [self.binary, *args],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args, code=0):
        """Standard output as JSON, or standard error where a failure is expected."""
        child = self.start(*args)
        out, err = child.communicate(timeout=PATIENCE_SECONDS)
        assert child.returncode == code, f"{args}: code {child.returncode}\n{err}"
        return json.loads(out) if code == 0 else err

    def publisher(self, name, url, *more):
        return self.start(
            "publish", "--index", self.path(name), "--to", url, "--by", name, "--format", "json", *more
        )

    def publish(self, name, url, *more):
        child = self.publisher(name, url, *more)
        out, err = child.communicate(timeout=PATIENCE_SECONDS)
        assert child.returncode == 0, err
        return json.loads(out)

    def wanted(self, url):
        return self.run("versions", "--at", url, "--format", "json")["wanted"]


class Server:
    """`index-svc serve` that follows a store."""

    def __init__(self, index, url, cache, *more):
        self.process = index.start(
            *["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--index", url],
            *["--cache", index.path(cache), "--watch-interval", "100ms", *more],
        )
        self.log = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.ready = self.process.stdout.readline().startswith("listening on ")

    def _read(self):
        for line in self.process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"message": line})

    def logged(self, message):
        return [event for event in self.log if event.get("message") == message]

    def metric(self, series):
        address = wait_for("the metrics port", lambda: self.logged("metrics port"))[0]["address"]
        with urllib.request.urlopen(f"http://{address}/metrics") as page:
            text = page.read().decode()
        found = re.search(f"^{re.escape(series)} (.*)$", text, re.MULTILINE)
        return float(found.group(1)) if found else None

    def answers(self, version):
        series = f'index_version_info{{version="{version}"}}'
        wait_for(series, lambda: self.metric(series) == 1)

    def end(self):
        """Exit code, and what was logged; a server that never was one has ended by itself."""
        if self.ready:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=PATIENCE_SECONDS)
        self._reader.join(timeout=PATIENCE_SECONDS)
        return code
