#!/usr/bin/env python3
"""Asks a live Prometheus, which scrapes both real services under real calls, every query of every dashboard.

    dashboards.py --extractor BINARY --index BINARY

A query fails the check when Prometheus refuses it, or has no number for it: a panel that stays empty is a
panel about nothing. The rules run there too, and each must be evaluated without an error. Takes about half a
minute; needs `prometheus` on the PATH.
"""

import argparse
import contextlib
import json
import math
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import grpc
import yaml

import calls

DEPLOY = pathlib.Path(__file__).resolve().parents[1]
MONITORING = DEPLOY / "components" / "monitoring"
AUDIO = DEPLOY.parent / "extractor-svc" / "testdata" / "audio"
CLIPS = ["band_s16_22050_stereo.flac", "band_cbr128_44100_stereo.mp3", "chords_s16_22050.wav"]
TRAFFIC_SECONDS = 15
MOST_SECONDS = 60


def free_port():
    """A port below the ephemeral range that nobody listens on."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)):
                return port


@contextlib.contextmanager
def running(command, log):
    with open(log, "w") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def refused(call):
    """A call that must be refused."""
    try:
        call()
    except grpc.RpcError:
        return
    sys.exit("dashboards: a call that is wrong was answered")


def traffic(to_extractor, to_index, until):
    """Good calls and refused ones, until a time."""
    vector, rounds = None, 0
    while time.monotonic() < until:
        with calls.connected(to_extractor) as extractor, calls.connected(to_index) as index:
            for clip in CLIPS:
                vector = calls.extract(extractor, (AUDIO / clip).read_bytes())
                calls.neighbors(index, vector)
                # So small an index is searched exactly unless told otherwise.
                calls.neighbors(index, vector, search_k=50)
                # Short queries need no worker; this one takes one.
                calls.lookup(index, clip)
            refused(lambda: calls.extract(extractor, b"no audio"))
            refused(lambda: calls.neighbors(index, vector, count=-1))
        rounds += 1
    return rounds


def metrics_are_clean(address):
    """Names, units and help as Prometheus wants them."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as response:
        text = response.read()
    found = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    if found.returncode or found.stderr:
        sys.exit(f"dashboards: promtool does not like the metrics: {found.stdout.decode()}{found.stderr.decode()}")


class Prometheus:
    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}/api/v1/"

    def get(self, path, **parameters):
        url = self.base + path + "?" + urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(url, timeout=10) as response:
            return json.load(response)["data"]

    def numbers(self, expr):
        """The values of an instant query; NaN is no number."""
        values = (float(sample["value"][1]) for sample in self.get("query", query=expr)["result"])
        return [value for value in values if not math.isnan(value)]


def configuration(folder, ports):
    """Scrapes both each second, with the labels that a ServiceMonitor gives, and runs the rules."""
    rules = yaml.safe_load((MONITORING / "rules.yaml").read_text())["spec"]
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    jobs = [
        {"job_name": job, "static_configs": [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": "soundalike", "pod": f"{job}-0"}}]}
        for job, port in ports.items()
    ]
    path = folder / "prometheus.yaml"
    path.write_text(yaml.safe_dump({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": jobs,
    }))
    return path


def queries():
    """Dashboard, panel and query of every target, with the variables filled in."""
    for path in sorted((MONITORING / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                expr = target["expr"].replace("$namespace", ".*").replace("$__rate_interval", "10s")
                assert "$" not in expr, expr
                yield path.stem, panel["title"], expr


def check(prometheus):
    """What is wrong now; nothing, once all has been scraped and evaluated."""
    wrong, asked = [], 0
    for board, panel, expr in queries():
        asked += 1
        try:
            if not prometheus.numbers(expr):
                wrong.append(f"{board}: {panel}: no number for {expr}")
        except urllib.error.HTTPError as error:
            wrong.append(f"{board}: {panel}: {json.load(error)['error']}: {expr}")
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    wrong += [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]
    if not asked or not rules:
        sys.exit("dashboards: nothing to check")
    return wrong, f"{asked} queries have numbers, {len(rules)} rules are evaluated"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extractor", required=True)
    parser.add_argument("--index", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        folder = pathlib.Path(folder)
        table = DEPLOY / "components" / "index-demo" / "features.csv"
        subprocess.run([options.index, "build", "--input", table, "--output", folder / "index", "--log", "error"],
                       check=True, stdout=subprocess.DEVNULL)
        ports = [free_port() for _ in range(5)]
        addresses = [f"127.0.0.1:{port}" for port in ports]
        for name, command, grpc_at, http_at in (
            ("extractor", [options.extractor, "serve"], addresses[0], addresses[1]),
            ("index", [options.index, "serve", "--index", str(folder / "index"), "--recall-check-interval", "1"],
             addresses[2], addresses[3]),
        ):
            stack.enter_context(running(
                [*command, "--listen", grpc_at, "--metrics-listen", http_at], folder / f"{name}.log"))
        config = configuration(folder, {"extractor-svc": ports[1], "index-svc": ports[3]})
        stack.enter_context(running(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
             f"--web.listen-address={addresses[4]}", "--log.level=warn"], folder / "prometheus.log"))
        prometheus = Prometheus(ports[4])
        began = time.monotonic()
        rounds = traffic(addresses[0], addresses[2], began + TRAFFIC_SECONDS)
        for address in (addresses[1], addresses[3]):
            metrics_are_clean(address)
        # Rates need samples on both ends; on a slow machine the first scrapes come late.
        while True:
            try:
                wrong, said = check(prometheus)
            except urllib.error.URLError as error:
                wrong, said = [f"Prometheus does not answer: {error}"], ""
            if not wrong:
                break
            if time.monotonic() > began + MOST_SECONDS:
                sys.exit("\n".join(["dashboards:", *wrong, (folder / "prometheus.log").read_text()]))
            rounds += traffic(addresses[0], addresses[2], time.monotonic() + 1)
        print(f"dashboards: {said}, over {rounds} rounds of calls")


if __name__ == "__main__":
    main()
