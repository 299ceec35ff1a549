"""The chart, rendered by Helm itself (as a library). The only place that imports it, so that a `helm` binary could stand in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "deploy" / "helm" / "print-fabric"
MATRIX = {
    path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))
}

Object = dict[str, Any]
Refused = (helm_python.HelmError,)


def values_of(name: str) -> Object:
    """Return the values of one line of the matrix."""
    return yaml.safe_load(MATRIX[name].read_text("utf-8")) or {}


def lint(values: Object) -> list[str]:
    """Return what a strict lint objects to."""
    report = helm_python.lint(CHART, values, strict=True, kube_version="v1.30.0")
    return [*report["errors"], *(one["error"] for one in report["messages"] if one["severity"] > 1)]


def texts(values: Object, name: str = "fabric", namespace: str = "print") -> dict[str, str]:
    """Return each template's text; values are checked against the schema first. Raises `Refused`."""
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        return chart.render(values, name=name, namespace=namespace)


def objects(values: Object, **how: str) -> list[Object]:
    """Return all objects of a release."""
    found: list[Object] = []
    for path, text in texts(values, **how).items():
        if path.endswith(".yaml"):
            found += [one for one in yaml.safe_load_all(text) if one]
    return found


def pods(found: list[Object]) -> list[tuple[str, Object]]:
    """Return (name, pod spec) of everything that runs."""
    specs = [
        (one["metadata"]["name"], one["spec"]["template"]["spec"])
        for one in found
        if one["kind"] in ("Deployment", "DaemonSet")
    ]
    return specs + [(one["metadata"]["name"], one["spec"]) for one in found if one["kind"] == "Pod"]
