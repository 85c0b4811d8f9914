"""The Prometheus Operator's objects, of which kubernetes-types knows nothing.

Only what we use, after the Operator's API reference (monitoring.coreos.com/v1: PodMonitorSpec,
PodMetricsEndpoint, RelabelConfig, PrometheusRule). The API server drops a key that it does not
know, and nothing would be scraped. What is in the groups of a PrometheusRule promtool checks.
"""

from __future__ import annotations

import re
from typing import Any

from manifests import Object

TEXT = re.compile(r".*", re.S)
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
DURATION = re.compile(r"([0-9]+(ms|[smhdwy]))+")
LABELS = {"*": TEXT}

RELABELING = {
    "sourceLabels": [LABEL],
    "separator": TEXT,
    "targetLabel": LABEL,
    "regex": TEXT,
    "replacement": TEXT,
    "action": re.compile("replace|keep|drop|labelmap|labeldrop|labelkeep"),
}
SPECS: dict[str, Any] = {
    "PodMonitor": {
        "jobLabel": TEXT,
        "podTargetLabels": [TEXT],
        "selector": {"matchLabels": LABELS},
        "namespaceSelector": {"matchNames": [TEXT]},
        "podMetricsEndpoints": [
            {
                "port": TEXT,
                "path": TEXT,
                "scheme": re.compile("http|https"),
                "interval": DURATION,
                "scrapeTimeout": DURATION,
                "relabelings": [RELABELING],
                "metricRelabelings": [RELABELING],
            }
        ],
    },
    "PrometheusRule": {"groups": None},
}
METADATA = {"name": TEXT, "namespace": TEXT, "labels": LABELS, "annotations": LABELS}


def check_operator_types(objects: list[Object]) -> list[str]:
    faults = []
    for thing in objects:
        if thing["kind"] in SPECS:
            spec = SPECS[thing["kind"]]
            shape = {"kind": TEXT, "metadata": METADATA, "spec": spec}
            shape["apiVersion"] = re.compile(re.escape("monitoring.coreos.com/v1"))
            faults += [f"{thing['kind']}{fault}" for fault in misfits(thing, shape)]
    return faults


def misfits(value: Any, shape: Any) -> list[str]:
    """Where a value is not of its shape: a pattern for a text, a list of one shape, a dictionary of
    shapes by key (* for any), or None for what is not looked at."""
    if shape is None:
        return []
    if isinstance(shape, re.Pattern):
        fits = isinstance(value, str) and shape.fullmatch(value)
        return [] if fits else [f": {value!r} is not {shape.pattern}"]
    if not isinstance(value, type(shape)):
        return [f": {value!r} is not a {type(shape).__name__}"]
    if isinstance(shape, list):
        return [f"[{n}]{fault}" for n, one in enumerate(value) for fault in misfits(one, shape[0])]
    faults = []
    for key, one in value.items():
        if key in shape or "*" in shape:
            faults += [f".{key}{fault}" for fault in misfits(one, shape.get(key, shape.get("*")))]
        else:
            faults.append(f".{key}: not a key that we know")
    return faults
