"""Checks the probes of rendered manifests: every container that serves has all three, by HTTP on the port of
the metrics. Callers can fill the gRPC port with connections, and a pod whose probes fail for that is restarted.
"""

import sys

import yaml

EXPECTED = {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
HANDLERS = {"exec", "grpc", "httpGet", "tcpSocket"}


def problems(container):
    for probe, path in EXPECTED.items():
        stated = {kind: how for kind, how in container.get(probe, {}).items() if kind in HANDLERS}
        expected = {"httpGet": {"path": path, "port": "metrics"}}
        if stated != expected:
            yield f"{probe} is {stated or 'absent'}, expected {expected}"


def main():
    checked, wrong = 0, []
    for path in sys.argv[1:]:
        with open(path) as file:
            for resource in yaml.safe_load_all(file):
                if resource["kind"] not in ("Deployment", "StatefulSet", "DaemonSet"):
                    continue
                for container in resource["spec"]["template"]["spec"]["containers"]:
                    checked += 1
                    name = f"{path}: {resource['metadata']['name']} {container['name']}"
                    wrong += [f"{name}: {problem}" for problem in problems(container)]
    if wrong or not checked:
        sys.exit("\n".join(wrong) or "nothing to check")
    print(f"{checked} containers are probed by HTTP")


if __name__ == "__main__":
    main()
