"""Alerts and dashboard: what promtool says, and whether every expression finds something."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from manifests import ROOT

import tools  # noqa: F401  (finds the modules of the conformance suite)
from chat_client import ChatClient
from deployment import Deployment
from http_client import Address, ConnectionEnded, request
from ports import free_port
from processes import RedisServer, ServerProcess, wait_until
from websocket_client import Closed, HandshakeRefused

FOLDER = ROOT / "k8s/components/monitoring"
ALERTS, RULE = FOLDER / "alerts.yaml", FOLDER / "prometheus-rule.yaml"
DASHBOARD = FOLDER / "dashboard.json"
TESTS = Path(__file__).with_name("alerts_test.yaml")
ORIGIN = "https://chat.example.org"


def alerts() -> dict[str, str]:
    """Expressions by name."""
    groups = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def panels() -> list[dict[str, Any]]:
    board = json.loads(DASHBOARD.read_text("utf-8"))
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def promtool(*arguments: str | Path, **options: Any) -> list[str]:
    command = ["promtool", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    lines = (done.stdout + done.stderr).splitlines() if done.returncode else []
    return [f"promtool: {line}" for line in lines]


def check_alerts() -> list[str]:
    """promtool's checks, and a test and a paragraph for each alert."""
    faults = promtool("check", "rules", ALERTS) + promtool("test", "rules", TESTS)
    rule = yaml.safe_load(RULE.read_text("utf-8"))
    if rule["spec"] != yaml.safe_load(ALERTS.read_text("utf-8")):
        faults.append(f"{RULE.name} and {ALERTS.name} have different groups")
    cases = yaml.safe_load(TESTS.read_text("utf-8"))["tests"]
    fired = {a["alertname"] for c in cases for a in c.get("alert_rule_test", []) if a["exp_alerts"]}
    readme = (ROOT / "README.md").read_text("utf-8")
    for name in alerts():
        if name not in fired:
            faults.append(f"{name}: no test lets it fire")
        if f"**{name}**" not in readme:
            faults.append(f"{name}: the README has no paragraph")
    return faults


def proven() -> set[str]:
    """Expressions that find something in the tests of the alerts. That is for those that can't do
    so here: what does not run in a container has no limit of memory."""
    cases = yaml.safe_load(TESTS.read_text("utf-8"))["tests"]
    expressions = [e for case in cases for e in case.get("promql_expr_test", [])]
    return {e["expr"] for e in expressions if e["exp_samples"]}


def check_dashboard() -> list[str]:
    """No two panels in one place or of one number; and no `or` that could hide that the other half
    of an expression never finds anything."""
    board = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    faults, taken = [], set()
    for panel in panels():
        for target in panel["targets"]:
            if re.search(r"\bor\b", target["expr"]) and target["expr"] not in proven():
                faults.append(f"dashboard: {panel['title']}: no test of both halves of its `or`")
    if len({panel["id"] for panel in board}) != len(board):
        faults.append("dashboard: two panels have one id")
    for panel in board:
        at = panel["gridPos"]
        rows = range(at["y"], at["y"] + at["h"])
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in rows}
        if cells & taken or at["x"] + at["w"] > 24:
            faults.append(f"dashboard: {panel['title']} has no room")
        taken |= cells
    return faults


def check_expressions(bin_dir: Path) -> list[str]:
    """Runs the chat under a real Prometheus, lets it meet every kind of trouble that a panel shows,
    and asks every expression. Alerts need not find anything: their tests let them fire."""
    settings = {
        "CHANNELS": "QGIS,Load",
        "GISCHAT_ALLOWED_ORIGINS": ORIGIN,
        "WS_PING_INTERVAL": "1",
        "WS_PING_TIMEOUT": "6",
    }
    deployment = Deployment(bin_dir, "split", settings, redis=RedisServer())
    problems: list[str] = []
    try:
        with tempfile.TemporaryDirectory(prefix="gischat-prometheus-") as folder:
            server, address = start_prometheus(Path(folder), deployment)
            try:
                problems += lint(deployment) + load(bin_dir, deployment)
                make_trouble(deployment)
                problems += ask_all(address) + lint(deployment)
            finally:
                server.stop()
    finally:
        problems += deployment.stop()
        if deployment.redis is not None:
            deployment.redis.stop()
    return problems


def start_prometheus(folder: Path, deployment: Deployment) -> tuple[ServerProcess, Address]:
    targets = [
        {
            "targets": [f"127.0.0.1:{process.admin().port}"],
            "labels": {"component": process.name.removeprefix("gischat-")},
        }
        for process in deployment.processes
    ]
    plan = {
        "global": {"scrape_interval": "250ms", "evaluation_interval": "1s"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [{"job_name": "gischat", "static_configs": targets}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(plan), "utf-8")
    address = Address("127.0.0.1", free_port())
    options = {
        "--config.file": folder / "prometheus.yaml",
        "--storage.tsdb.path": folder / "data",
        "--web.listen-address": f"{address.host}:{address.port}",
        "--log.level": "warn",
    }
    server = ServerProcess(["prometheus", *(f"{k}={v}" for k, v in options.items())], {})
    ready = lambda: bool(value_of(address, "up") or not server.running)  # noqa: E731
    wait_until(ready, "prometheus scrapes", 30)
    return server, address


def lint_all_in_one(bin_dir: Path) -> list[str]:
    deployment = Deployment(bin_dir, "redis", {"CHANNELS": "QGIS"})
    return lint(deployment) + deployment.stop()


def lint(deployment: Deployment) -> list[str]:
    """What promtool finds to say about each process' page of metrics."""
    faults = []
    for process in deployment.processes:
        text = request(process.admin(), "GET", "/metrics").text
        faults += [f"{process.name} {line}" for line in promtool("check", "metrics", input=text)]
    return faults


def value_of(address: Address, expression: str) -> list[Any]:
    """Series that an instant query finds; none while Prometheus does not answer."""
    try:
        answer = request(address, "GET", f"/api/v1/query?query={quote(expression)}").json()
    except (OSError, ConnectionEnded, ValueError):
        return []
    if answer["status"] != "success":
        raise AssertionError(f"{expression}: {answer['error']}")
    return answer["data"]["result"]


def load(bin_dir: Path, deployment: Deployment) -> list[str]:
    """The load driver on both edges, which has to find nothing wrong."""
    command = [bin_dir / "gischat-load", "--clients", "100", "--rate", "50", "--duration", "3"]
    for edge in deployment.edges:
        command += ["--url", f"ws://{edge.host}:{edge.port}/channel/Load/ws"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [f"load: {done.stdout}{done.stderr}"]


def make_trouble(deployment: Deployment) -> None:
    """Traffic, and one of everything that is counted by label."""
    clients = [ChatClient(edge, "QGIS") for edge in deployment.edges]
    for client in clients:
        client.wait_for_count(len(clients))
    clients[0].register("Ada")
    clients[1].expect("newcomer")
    for kind in ("text", "geojson", "image"):
        clients[0].send_kind(kind)
        clients[0].expect(kind)
        clients[1].expect(kind)
    clients[0].say("x" * 300)
    clients[0].expect_refusal("text")
    try:
        ChatClient(deployment.edges[0], "QGIS", headers={"Origin": "https://elsewhere.example"})
    except HandshakeRefused:
        pass
    for edge in deployment.edges:
        request(edge, "GET", "/status")
        request(edge, "GET", "/channel/QGIS/users")
    assert deployment.redis is not None
    port = deployment.redis.port
    deployment.redis.stop()
    fanout = deployment.process("gischat-fanout")
    wait_until(lambda: fanout.readiness() == 503, "fanout misses Redis")
    clients[0].say("into the dark")
    failures = (r'redis_commands_total{.*outcome="(?!OK).*} [1-9]', r'client_calls_total{code="(?!OK).*} [1-9]')
    for trouble in failures:
        wait_until(lambda t=trouble: counted(deployment, t), trouble)
    deployment.redis = RedisServer(port)
    silent = ChatClient(deployment.edges[1], "QGIS")
    silent.socket.auto_pong = False
    try:
        while True:
            silent.receive_any()
    except (Closed, ConnectionEnded):
        pass
    for client in clients:
        client.socket.abort()


def counted(deployment: Deployment, pattern: str) -> bool:
    """Whether a process has such a line on its page of metrics."""
    pages = [request(process.admin(), "GET", "/metrics").text for process in deployment.processes]
    return any(re.search(pattern, page) for page in pages)


def ask_all(address: Address) -> list[str]:
    """Every panel has data, here or in a test; every alert's expression can be evaluated."""
    faults, elsewhere = [], proven()
    for panel in panels():
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "1m").replace("$__range", "1m")
            here = target["expr"] not in elsewhere
            deadline = time.monotonic() + (10 if here else 0)
            while not (found := value_of(address, expression)) and time.monotonic() < deadline:
                time.sleep(0.25)
            if here and not found:
                faults.append(f"panel {panel['title']!r}: no data for {expression}")
    for expression in alerts().values():
        value_of(address, expression)
    return faults
