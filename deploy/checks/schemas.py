"""Checks rendered manifests against Kubernetes' schemas, strictly: an unknown field is an error.

Built-in kinds go by the schemas of the oldest and the newest Kubernetes the manifests are for. Those of
the Prometheus operator go by its typed models; what such a model drops is a field it does not know. Kinds
whose schemas cannot be had from a registry are listed by name, and any other kind is an error.
"""

import sys

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor

# 1.30 is the oldest with `preStop.sleep` on by default.
VERSIONS = ("1.30", "1.37")
MODELS = {"PrometheusRule": PrometheusRule, "ServiceMonitor": ServiceMonitor}
# Of the Gateway API; the Rust test of the manifests looks at what they name.
UNCHECKED = {"GRPCRoute", "BackendTLSPolicy"}


def dropped(given, kept, path=""):
    """Paths that are in what was given and not in what a model kept."""
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{path}.{key}"
            else:
                yield from dropped(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list):
        for at, value in enumerate(given):
            yield from dropped(value, kept[at], f"{path}[{at}]")


def problems(resource):
    kind = resource["kind"]
    if kind in UNCHECKED:
        return
    if model := MODELS.get(kind):
        kept = model.model_validate(resource).model_dump(by_alias=True, exclude_unset=True, mode="json")
        for path in dropped(resource["spec"], kept["spec"], "spec"):
            yield f"{path}: not a field of {kind}"
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(resource, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{version}: {list(error.path)}: {error.message}"


def main():
    checked, wrong = 0, []
    for path in sys.argv[1:]:
        with open(path) as file:
            for resource in yaml.safe_load_all(file):
                name = f"{path}: {resource['kind']} {resource['metadata']['name']}"
                wrong += [f"{name}: {problem}" for problem in problems(resource)]
                checked += 1
    if wrong or not checked:
        sys.exit("\n".join(wrong) or "nothing to check")
    print(f"{checked} resources are valid by Kubernetes {' and '.join(VERSIONS)}")


if __name__ == "__main__":
    main()
