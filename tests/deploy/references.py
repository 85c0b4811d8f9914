"""What objects call each other by: every one finds what it names, in the same rendering."""

from __future__ import annotations

from typing import Any

from manifests import Object, deployments, pods


def check_references(objects: list[Object], rendered: bool) -> list[str]:
    """Of every object that names pods, ports or other objects. Policies are in network.py."""
    checks = {
        "Service": check_service,
        "PodDisruptionBudget": check_budget,
        "Ingress": check_ingress,
    }
    if rendered:  # these live on what is patched
        checks |= {"HorizontalPodAutoscaler": check_scaler, "PodMonitor": check_monitor}
    faults = []
    for thing in objects:
        if (check := checks.get(thing["kind"])) is not None:
            where = f"{thing['kind']} {thing['metadata']['name']}"
            faults += [f"{where}: {fault}" for fault in check(thing["spec"], objects)]
    return faults


def chosen(labels: dict[str, str], objects: list[Object]) -> list[Object]:
    """The workloads whose pods have these labels."""
    return [w for w in pods(objects) if labels.items() <= labels_of(w).items()]


def labels_of(workload: Object) -> dict[str, str]:
    """Those of its pods."""
    return workload["spec"]["template"]["metadata"]["labels"]


def ports_of(workload: Object) -> set[str]:
    """Names of the ports of its pods."""
    return {port["name"] for port in workload["spec"]["template"]["spec"]["containers"][0]["ports"]}


def check_service(spec: dict[str, Any], objects: list[Object]) -> list[str]:
    found = chosen(spec["selector"], objects)
    if len(found) != 1:
        return [f"its selector finds {len(found)} workloads"]
    targets = {port["targetPort"] for port in spec["ports"]}
    return [f"no port {target}" for target in sorted(targets - ports_of(found[0]))]


def check_budget(spec: dict[str, Any], objects: list[Object]) -> list[str]:
    found = chosen(spec["selector"]["matchLabels"], objects)
    return [] if len(found) == 1 else [f"its selector finds {len(found)} workloads"]


def check_scaler(spec: dict[str, Any], objects: list[Object]) -> list[str]:
    """Who is scaled has no number of replicas, which the next `kubectl apply` would go back to."""
    wanted = spec["scaleTargetRef"]
    for thing in objects:
        reference = {"apiVersion": thing["apiVersion"], "kind": thing["kind"]}
        if wanted == reference | {"name": thing["metadata"]["name"]}:
            return ["its target has replicas of its own"] if "replicas" in thing["spec"] else []
    return [f"no {wanted['kind']} {wanted['name']} of {wanted['apiVersion']}"]


def check_ingress(spec: dict[str, Any], objects: list[Object]) -> list[str]:
    services = {o["metadata"]["name"]: o["spec"] for o in objects if o["kind"] == "Service"}
    faults = []
    for path in [path for rule in spec["rules"] for path in rule["http"]["paths"]]:
        service = path["backend"]["service"]
        offered: list[dict[str, Any]] = []
        for port in services.get(service["name"], {}).get("ports", []):
            offered += [{"name": port["name"]}, {"number": port["port"]}]
        if service["port"] not in offered:
            faults.append(f"no Service {service['name']} with port {service['port']}")
    return faults


def check_monitor(spec: dict[str, Any], objects: list[Object]) -> list[str]:
    """All of our programs are scraped, under the job that alerts and dashboard ask for."""
    found = chosen(spec["selector"]["matchLabels"], objects)
    faults = []
    for workload in deployments(objects):
        name = workload["metadata"]["name"]
        if workload not in found:
            faults.append(f"does not find the pods of {name}")
        for endpoint in spec["podMetricsEndpoints"]:
            if endpoint["port"] not in ports_of(workload):
                faults.append(f"no port {endpoint['port']} in the pods of {name}")
        if labels_of(workload).get(spec["jobLabel"]) != "gischat":
            faults.append(f"{name} is not scraped as job gischat")
    return faults
