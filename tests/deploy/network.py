"""Network policies: who may reach whom when all of them are put together."""

from __future__ import annotations

from typing import Any, NamedTuple

from manifests import Object, deployments, pods
from settings import environment

NAMESPACE = "kubernetes.io/metadata.name"
# Pods that somebody else starts in our namespace: cert-manager, which answers Let's Encrypt for as
# long as a certificate is being asked for; and anybody, who may do nothing.
GUESTS = {"http01-solver": {"acme.cert-manager.io/http01-solver": "true"}, "stranger": {}}
ELSEWHERE = "elsewhere"  # whatever is neither a pod of ours nor in a namespace that a policy names
SERVICES = ("moderation", "presence", "fanout")


class Arrow(NamedTuple):
    source: str
    target: str
    port: str  # 53/UDP


class Place(NamedTuple):
    """One that talks or is talked to: a pod of ours by its labels, or all of a namespace."""

    labels: dict[str, str] | None
    namespace: str | None


def wanted(objects: list[Object]) -> set[Arrow]:
    """The arrows of the README's picture, and what it takes beside them."""
    parts = {w["metadata"]["name"] for w in pods(objects)}
    arrows = {Arrow("edge", service, "50051/TCP") for service in SERVICES}
    arrows |= {Arrow("ingress-nginx", "edge", "8000/TCP")}
    arrows |= {Arrow("ingress-nginx", "http01-solver", "8089/TCP")}
    arrows |= {Arrow("monitoring", part, "8001/TCP") for part in ("edge", *SERVICES)}
    arrows |= {Arrow(part, ELSEWHERE, f"53/{way}") for part in parts for way in ("UDP", "TCP")}
    redis = "redis" if "redis" in parts else ELSEWHERE
    arrows |= {Arrow(part, redis, "6379/TCP") for part in ("presence", "fanout")}
    for workload in deployments(objects):
        if "REDIS_SENTINELS" in environment(workload, objects):
            arrows.add(Arrow(workload["metadata"]["name"], ELSEWHERE, "26379/TCP"))
    return arrows


def check_network(objects: list[Object]) -> list[str]:
    """That the policies of a rendering allow what is wanted and nothing else."""
    policies = [thing for thing in objects if thing["kind"] == "NetworkPolicy"]
    should, may = wanted(objects), allowed(policies, objects)
    words = "{0.source} to {0.target}, {0.port}".format
    return [f"network: {words(arrow)} is refused" for arrow in sorted(should - may)] + [
        f"network: {words(arrow)} is allowed" for arrow in sorted(may - should)
    ]


def allowed(policies: list[Object], objects: list[Object]) -> set[Arrow]:
    """A connection is allowed when the policies of both ends do."""
    ours = {name: Place(labels, None) for name, labels in GUESTS.items()}
    for workload in pods(objects):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        ours[workload["metadata"]["name"]] = Place(labels, workload["metadata"].get("namespace"))
    sources = ours | {name: Place(None, name) for name in foreign(policies, "from")}
    targets = ours | {name: Place(None, name) for name in foreign(policies, "to")}
    ports = {port for policy in policies for rule in rules(policy) for port in ports_of(rule)}
    ports.add("1/TCP")  # which nobody names, but may be open for want of a rule
    return {
        Arrow(source, target, port)
        for source, talks in sources.items()
        for target, listens in targets.items()
        for port in ports - {"any"}
        if (source in ours or target in ours)
        and lets("Egress", policies, talks, listens, port)
        and lets("Ingress", policies, listens, talks, port)
    }


def lets(way: str, policies: list[Object], one: Place, other: Place, port: str) -> bool:
    """Whether the policies of `one` let it talk to `other` (Egress) or hear of it (Ingress)."""
    if one.labels is None:
        return True  # what others have for themselves is not ours to know
    specs = [policy["spec"] for policy in policies if way in policy["spec"]["policyTypes"]]
    own = [spec for spec in specs if selects(spec["podSelector"], one.labels)]
    key, peers = ("egress", "to") if way == "Egress" else ("ingress", "from")
    return not own or any(
        {port, "any"} & ports_of(rule)
        and (peers not in rule or any(is_peer(peer, other) for peer in rule[peers]))
        for spec in own
        for rule in spec.get(key, [])
    )


def is_peer(peer: dict[str, Any], place: Place) -> bool:
    if "ipBlock" in peer:
        return place.labels is None  # for pods it is up to the network whether it counts
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], {NAMESPACE: place.namespace or ""}):
            return False
        return "podSelector" not in peer or selects(peer["podSelector"], place.labels or {})
    return place.labels is not None and selects(peer["podSelector"], place.labels)


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    unknown = selector.keys() - {"matchLabels", "matchExpressions"}
    expressions = selector.get("matchExpressions", [])
    if unknown or any(expression["operator"] != "In" for expression in expressions):
        raise AssertionError(f"a selector that this check does not know: {selector}")
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(expression["key"]) in expression["values"] for expression in expressions
    )


def rules(policy: Object) -> list[dict[str, Any]]:
    return policy["spec"].get("ingress", []) + policy["spec"].get("egress", [])


def ports_of(rule: dict[str, Any]) -> set[str]:
    """53/UDP; any, when the rule names none."""
    return {f"{p['port']}/{p.get('protocol', 'TCP')}" for p in rule.get("ports", [])} or {"any"}


def foreign(policies: list[Object], end: str) -> set[str]:
    """The namespaces that rules name as `from` or `to`, and all others."""
    peers = [peer for policy in policies for rule in rules(policy) for peer in rule.get(end, [])]
    selectors = [peer["namespaceSelector"] for peer in peers if "namespaceSelector" in peer]
    return {selector["matchLabels"][NAMESPACE] for selector in selectors} | {ELSEWHERE}
