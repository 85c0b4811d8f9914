#!/usr/bin/env python3
"""How the programs start, say what is wrong, go through outages, and end.

Runs all set-ups that it needs by itself: lifecycle.py --bin-dir DIR [-k pattern]
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import e2e  # noqa: F401  (makes the suite's tools importable)

from chat_client import ChatClient
from deployment import Deployment
from http_client import Address, ConnectionEnded, Response, request
from ports import free_port
from processes import RedisServer, ServerProcess, wait_until
from websocket_client import Closed, HandshakeRefused

PROGRAMS = ("gischat", "gischat-edge", "gischat-presence", "gischat-moderation", "gischat-fanout")
SERVICES = ("gischat-presence", "gischat-moderation", "gischat-fanout")
FREE_PORTS = {"GISCHAT_PORT": "0", "GISCHAT_ADMIN_PORT": "0", "GISCHAT_GRPC_PORT": "0",
              "GISCHAT_ADDRESS": "127.0.0.1", "GISCHAT_DRAIN_SECONDS": "2"}
NO_REDIS = {"REDIS_URL": "redis://127.0.0.1:1"}
CHANNEL = "QGIS"
bin_dir = Path(os.environ.get("GISCHAT_TEST_BIN_DIR", "build/dev/bin"))


class LifecycleCase(unittest.TestCase):
    """Processes that end with the case."""

    maxDiff = 4000

    def run_program(
        self, program: str, *arguments: str, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end."""
        return subprocess.run([bin_dir / program, *arguments], env=settings, capture_output=True,
                              text=True, timeout=30, check=False)

    def start(self, program: str, **settings: str) -> ServerProcess:
        process = ServerProcess([bin_dir / program], {**FREE_PORTS, **settings})
        self.addCleanup(process.kill)
        return process

    def deploy(self, setup: str, **settings: str) -> Deployment:
        deployment = Deployment(bin_dir, setup, {"CHANNELS": CHANNEL, **settings})
        self.addCleanup(deployment.stop)
        return deployment

    def redis(self, port: int | None = None) -> RedisServer:
        server = RedisServer(port)
        self.addCleanup(server.stop)
        return server

    def client(self, edge: Address, **options: Any) -> ChatClient:
        client = ChatClient(edge, CHANNEL, **options)
        self.addCleanup(client.socket.abort)
        return client

    def get(self, address: Address, target: str) -> Response:
        return request(address, "GET", target)

    def chats(self, *clients: ChatClient) -> None:
        """A text of the first client reaches all."""
        mark = clients[0].mark()
        for client in clients:
            client.until_mark(mark)


class CommandLine(LifecycleCase):
    """--help, --version, --check-config, and mistakes."""

    def test_help_lists_every_variable(self) -> None:
        for program in PROGRAMS:
            with self.subTest(program):
                result = self.run_program(program, "--help")
                self.assertEqual(result.returncode, 0)
                for name in ("GISCHAT_ADMIN_PORT", "GISCHAT_LOG_LEVEL", "8001"):
                    self.assertIn(name, result.stdout)
                longest = max(result.stdout.splitlines(), key=len)
                self.assertLessEqual(len(longest), 100, longest)

    def test_help_of_the_programs_that_clients_talk_to(self) -> None:
        for program in ("gischat", "gischat-edge"):
            words = self.run_program(program, "--help").stdout
            for name in ("GISCHAT_PORT", "CHANNELS", "RULES", "MAIN_LANG", "WS_PING_INTERVAL"):
                self.assertIn(name, words)

    def test_help_of_the_all_in_one_lists_what_operators_use(self) -> None:
        words = self.run_program("gischat", "--help").stdout
        for name in ("INSTANCE_ID", "MIN_AUTHOR_LENGTH", "MAX_AUTHOR_LENGTH", "MAX_MESSAGE_LENGTH",
                     "MAX_IMAGE_SIZE", "MAX_IMAGE_RAW_LENGTH", "MAX_IMAGE_PIXELS", "CHEATCODES",
                     "QFIELD_PLUGIN_URL", "MAX_GEOJSON_FEATURES", "MAX_MODEL_RAW_LENGTH",
                     "MAX_SCRIPT_RAW_LENGTH", "MAX_STORED_MESSAGES", "REDIS_HOST", "REDIS_PORT",
                     "REDIS_URL", "WS_PING_TIMEOUT"):
            self.assertIn(name, words)

    def test_version(self) -> None:
        versions = set()
        for program in PROGRAMS:
            result = self.run_program(program, "--version")
            self.assertEqual(result.returncode, 0)
            versions.add(result.stdout.split()[-1])
        self.assertEqual(len(versions), 1, versions)

    def test_check_config(self) -> None:
        for program in PROGRAMS:
            with self.subTest(program):
                result = self.run_program(program, "--check-config", **self.needed(program))
                self.assertEqual(result.returncode, 0, result.stderr)

    def needed(self, program: str) -> dict[str, str]:
        needs_redis = program in ("gischat-presence", "gischat-fanout")
        return NO_REDIS if needs_redis else {}

    def test_unknown_argument(self) -> None:
        for program in PROGRAMS:
            result = self.run_program(program, "--nope")
            self.assertEqual(result.returncode, 2)
            self.assertIn("--nope", result.stderr)

    def test_misspelt_variable(self) -> None:
        for program in PROGRAMS:
            with self.subTest(program):
                result = self.run_program(program, GISCHAT_PROT="1", **self.needed(program))
                self.assertEqual(result.returncode, 2)
                lines = result.stderr.strip().splitlines()
                self.assertEqual(len(lines), 1, lines)
                self.assertIn("GISCHAT_PROT", lines[0])
                self.assertIn("GISCHAT_PORT", lines[0])

    def test_other_variables_are_ignored(self) -> None:
        for program in PROGRAMS:
            result = self.run_program(program, "--check-config", NB_UVICORN_WORKERS="x",
                                      MATRIX_TOKEN="y", SENTRY_DSN="z", **self.needed(program))
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_several_mistakes_are_told_together(self) -> None:
        mistakes = {"GISCHAT_ADMIN_PORT": "80x", "GISCHAT_LOG_FORMAT": "xml",
                    "GISCHAT_LOG_LEVEL": "loud", "GISCHAT_NOPE": "1"}
        for program in PROGRAMS:
            with self.subTest(program):
                result = self.run_program(program, **mistakes, **self.needed(program))
                self.assertEqual(result.returncode, 2)
                lines = result.stderr.strip().splitlines()
                self.assertEqual(len(lines), 4, lines)
                for name in mistakes:
                    self.assertEqual(sum(name in line for line in lines), 1, lines)
                for value in ("80x", "xml", "loud"):
                    self.assertIn(value, result.stderr)

    def test_numbers_out_of_range(self) -> None:
        for value in ("-1", "65536", "99999999999999999999", "1e3", "0x50"):
            result = self.run_program("gischat", "--check-config", GISCHAT_PORT=value)
            self.assertEqual(result.returncode, 2, value)

    def test_password_in_a_bad_url_is_not_told(self) -> None:
        result = self.run_program("gischat", REDIS_URL="redis://user:SeCrEt@:::/nope")
        self.assertEqual(result.returncode, 2)
        self.assertIn("REDIS_URL", result.stderr)
        self.assertNotIn("SeCrEt", result.stderr)


class FreePorts(LifecycleCase):
    """Port 0 picks a free one, and the log says which."""

    def test_for_clients(self) -> None:
        for program in ("gischat", "gischat-edge"):
            self.assertGreater(self.start(program).address("listening on").port, 0)

    def test_for_operators(self) -> None:
        for program in PROGRAMS:
            with self.subTest(program):
                process = self.start(program, REDIS_URL=f"redis://127.0.0.1:{free_port()}")
                self.assertEqual(self.get(process.admin(), "/livez").status, 200)

    def test_for_edges(self) -> None:
        for program in SERVICES:
            with self.subTest(program):
                process = self.start(program, REDIS_URL=f"redis://127.0.0.1:{free_port()}")
                process.admin()
                process.wait_for_line("started", 10)
                self.assertGreater(process.address("serving gRPC on").port, 0)


class TakenPorts(LifecycleCase):
    """One clear line, status 2."""

    def setUp(self) -> None:
        holder = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(holder.close)
        self.port = str(holder.getsockname()[1])

    def check(self, program: str, **settings: str) -> None:
        process = self.start(program, **settings)
        self.assertEqual(process.wait(), 2, process.tail())
        lines = [line for line in process.lines if self.port in line]
        self.assertEqual(len(lines), 1, process.lines)
        self.assertIn("taken", lines[0])

    def test_admin_port_of_every_program(self) -> None:
        for program in PROGRAMS:
            with self.subTest(program):
                self.check(program, GISCHAT_ADMIN_PORT=self.port, **self.redis_of(program))

    def test_port_for_clients(self) -> None:
        for program in ("gischat", "gischat-edge"):
            with self.subTest(program):
                self.check(program, GISCHAT_PORT=self.port)

    def test_grpc_port(self) -> None:
        for program in SERVICES:
            with self.subTest(program):
                self.check(program, GISCHAT_GRPC_PORT=self.port, **self.redis_of(program))

    def test_a_second_server_does_not_share_the_port_of_the_first(self) -> None:
        first = self.start("gischat")
        self.port = str(first.address("listening on").port)
        self.check("gischat", GISCHAT_PORT=self.port)

    def test_a_second_service_does_not_share_the_port_of_the_first(self) -> None:
        self.port = str(free_port())
        self.start("gischat-moderation", GISCHAT_GRPC_PORT=self.port).wait_until_ready()
        self.check("gischat-moderation", GISCHAT_GRPC_PORT=self.port)

    def redis_of(self, program: str) -> dict[str, str]:
        needs_redis = program in ("gischat-presence", "gischat-fanout")
        return {"REDIS_URL": f"redis://127.0.0.1:{free_port()}"} if needs_redis else {}


class Ending(LifecycleCase):
    """SIGTERM and SIGINT."""

    def check_end(self, process: ServerProcess, number: int, clients: list[ChatClient]) -> None:
        process.signal(number)
        for client in clients:
            closed = client.socket.wait_for_close(20)
            self.assertEqual(closed.code, 1001)
            client.socket.abort()
        self.assertEqual(process.wait(), 0, process.tail())

    def test_clients_are_told_1001(self) -> None:
        for setup in ("memory", "redis"):
            for number in (signal.SIGTERM, signal.SIGINT):
                with self.subTest(f"{setup} {number}"):
                    deployment = self.deploy(setup)
                    clients = [self.client(deployment.edges[0]) for _ in range(20)]
                    for client in clients:
                        client.wait_for_count(20)
                    self.check_end(deployment.processes[0], number, clients)

    def test_clients_that_have_just_come_are_told_1001(self) -> None:
        for _ in range(5):
            deployment = self.deploy("memory")
            clients = [self.client(deployment.edges[0]) for _ in range(20)]
            self.check_end(deployment.processes[0], signal.SIGTERM, clients)

    def test_one_edge_ends_and_the_other_goes_on(self) -> None:
        deployment = self.deploy("split")
        first, second = deployment.edge_processes
        leaving = [self.client(deployment.edges[0]) for _ in range(5)]
        staying = self.client(deployment.edges[1])
        staying.wait_for_count(6)
        leaving[0].register("Ada")
        staying.expect("newcomer")
        self.check_end(first, signal.SIGTERM, leaving)
        others = staying.wait_for_count(1)
        if not others:
            others = [staying.receive()]
        self.assertEqual([m["type"] for m in others], ["exiter"])
        self.chats(staying)
        self.assertTrue(second.running)

    def test_unready_and_closed_to_newcomers_while_it_drains(self) -> None:
        deployment = self.deploy("memory", GISCHAT_DRAIN_SECONDS="10")
        process = deployment.processes[0]
        for _ in range(50):
            self.client(deployment.edges[0])
        admin = process.admin()
        process.signal(signal.SIGTERM)
        wait_until(lambda: process.readiness() != 200, "unready")
        if process.running:
            self.assertEqual(self.get(admin, "/livez").status, 200)
        with self.assertRaises((OSError, ConnectionEnded, HandshakeRefused, Closed)):
            self.client(deployment.edges[0]).receive(1)
        self.assertEqual(process.wait(), 0)

    def test_without_clients_it_ends_at_once(self) -> None:
        for setup in ("memory", "split"):
            deployment = self.deploy(setup, GISCHAT_DRAIN_SECONDS="60")
            for process in deployment.edge_processes:
                process.signal(signal.SIGTERM)
                self.assertEqual(process.wait(10), 0)

    def test_services_end_well(self) -> None:
        deployment = self.deploy("split")
        for process in deployment.processes:
            if process.name in SERVICES:
                process.signal(signal.SIGTERM)
        for process in deployment.processes:
            if process.name in SERVICES:
                self.assertEqual(process.wait(), 0, process.tail())

    def test_whole_deployment_ends_well(self) -> None:
        for setup in ("memory", "redis", "split"):
            with self.subTest(setup):
                deployment = self.deploy(setup)
                self.client(deployment.edges[0])
                self.assertEqual(deployment.stop(), [])


class AdminPort(LifecycleCase):
    """/metrics, /livez and /readyz of every process."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.deployments = [Deployment(bin_dir, setup, {"CHANNELS": CHANNEL})
                           for setup in ("split", "memory")]
        cls.processes = [p for d in cls.deployments for p in d.processes]

    @classmethod
    def tearDownClass(cls) -> None:
        for deployment in cls.deployments:
            deployment.stop()

    def each(self) -> Any:
        for process in self.processes:
            with self.subTest(process.name):
                yield process.admin()

    def test_metrics(self) -> None:
        for admin in self.each():
            response = self.get(admin, "/metrics")
            self.assertEqual(response.status, 200)
            self.assertTrue((response.header("Content-Type") or "").startswith("text/plain"))
            lines = response.text.splitlines()
            for name in ("gischat_build_info", "process_cpu_seconds_total",
                         "process_resident_memory_bytes", "process_open_fds"):
                self.assertTrue(any(line.startswith(name) for line in lines), name)
            helped = {line.split()[2] for line in lines if line.startswith("# HELP")}
            typed = {line.split()[2] for line in lines if line.startswith("# TYPE")}
            self.assertEqual(helped, typed)

    def test_livez(self) -> None:
        for admin in self.each():
            self.assertEqual(self.get(admin, "/livez").status, 200)

    def test_readyz(self) -> None:
        for admin in self.each():
            self.assertEqual(self.get(admin, "/readyz").status, 200)

    def test_probe(self) -> None:
        for process in self.processes:
            with self.subTest(process.name):
                port = str(process.admin().port)
                needed = {"GISCHAT_ADMIN_PORT": port, **NO_REDIS}
                result = self.run_program(process.name, "--probe", **needed)
                self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_probe_of_nobody(self) -> None:
        for program in PROGRAMS:
            with self.subTest(program):
                needed = {"GISCHAT_ADMIN_PORT": str(free_port()), **NO_REDIS}
                result = self.run_program(program, "--probe", **needed)
                self.assertEqual(result.returncode, 1)
                self.assertIn("Connection refused", result.stderr)

    def test_head(self) -> None:
        for admin in self.each():
            for target in ("/metrics", "/livez", "/readyz"):
                self.assertEqual(request(admin, "HEAD", target).status, 200)

    def test_other_paths_and_methods(self) -> None:
        for admin in self.each():
            self.assertEqual(self.get(admin, "/").status, 404)
            self.assertEqual(request(admin, "POST", "/metrics", body=b"").status, 405)

    def test_clients_port_does_not_show_metrics(self) -> None:
        for deployment in self.deployments:
            for edge in deployment.edges:
                for target in ("/metrics", "/livez", "/readyz"):
                    self.assertEqual(self.get(edge, target).status, 404)


class RedisAway(LifecycleCase):
    """A Redis that is not there: one clear line, unready, and on by itself when it comes."""

    def test_every_program_that_uses_redis(self) -> None:
        for program in ("gischat", "gischat-presence", "gischat-fanout"):
            with self.subTest(program):
                port = free_port()
                process = self.start(program, REDIS_URL=f"redis://127.0.0.1:{port}")
                line = process.wait_for_line(rf"127\.0\.0\.1:{port}")
                self.assertIn("redis", line.string.lower())
                process.wait_for_line("started")
                self.assertEqual(process.readiness(), 503)
                told = self.run_program(program, "--probe", **NO_REDIS,
                                        GISCHAT_ADMIN_PORT=str(process.admin().port))
                self.assertEqual(told.returncode, 1)
                self.assertIn("not ready: ", told.stderr)
                self.assertEqual(self.get(process.admin(), "/livez").status, 200)
                wait_until(
                    lambda: "redis" in self.get(process.admin(), "/readyz").text.lower(),
                    "unready for want of Redis",
                )
                self.redis(port)
                process.wait_until_ready()
                quiet = [line for line in process.lines if f"127.0.0.1:{port}" in line]
                self.assertLessEqual(len(quiet), 6, quiet)
                self.assertEqual(process.stop(), 0)

    def test_all_in_one_serves_when_redis_comes(self) -> None:
        port = free_port()
        process = self.start("gischat", REDIS_URL=f"redis://127.0.0.1:{port}")
        edge = process.address("listening on")
        wait_until(lambda: self.get(edge, "/status").status == 503, "away")
        body = self.get(edge, "/status").json()
        self.assertFalse(body["healthy"])
        self.assertNotEqual(body["status"], "ok")
        self.redis(port)
        process.wait_until_ready()
        wait_until(lambda: self.get(edge, "/status").status == 200, "back")
        client = self.client(edge)
        client.wait_for_count(1)
        self.chats(client)

    def test_redis_goes_and_comes_back(self) -> None:
        port = free_port()
        server = RedisServer(port)
        self.addCleanup(lambda: server.stop())
        process = self.start("gischat", REDIS_URL=f"redis://127.0.0.1:{port}")
        process.wait_until_ready()
        edge = process.address("listening on")
        client = self.client(edge)
        client.wait_for_count(1)
        server.stop()
        wait_until(lambda: process.readiness() == 503, "unready")
        server = RedisServer(port)
        process.wait_until_ready()
        # Redis came back empty: what is said in that very moment is known from its history only.
        client.send_kind("text", text="back")
        client.expect("text", text="back")
        self.chats(client)


class BackendAway(LifecycleCase):
    """/status tells the truth; clients stay connected and chat on."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.deployment = Deployment(bin_dir, "split", {"CHANNELS": CHANNEL})

    @classmethod
    def tearDownClass(cls) -> None:
        cls.deployment.stop()

    def check(self, program: str) -> None:
        deployment = self.deployment
        clients = [self.client(edge) for edge in deployment.edges]
        for client in clients:
            client.wait_for_count(2)
        self.kill_all(program)
        for edge in deployment.edges:
            wait_until(lambda: self.get(edge, "/status").status == 503, f"{program} away")
            body = self.get(edge, "/status").json()
            self.assertIs(body["healthy"], False)
            self.assertIn(program.removeprefix("gischat-"), body["status"])
        self.start_again(program)
        for edge in deployment.edges:
            wait_until(lambda: self.get(edge, "/status").status == 200, f"{program} back", 20)
            self.assertEqual(self.get(edge, "/status").json()["status"], "ok")
        for sender in clients:
            mark = sender.mark()
            for client in clients:
                self.assertEqual(client.until_mark(mark), [])
        for client in clients:
            client.socket.abort()
        for edge in deployment.edges:
            wait_until(lambda: deployment.count(edge, CHANNEL) == 0, "empty")

    def kill_all(self, program: str) -> None:
        for process in [p for p in self.deployment.processes if p.name == program]:
            process.kill()
            self.deployment.processes.remove(process)

    def start_again(self, program: str) -> None:
        for address in self.deployment.grpc_addresses[program]:
            self.deployment.start_service(program, address.port)

    def test_moderation(self) -> None:
        self.check("gischat-moderation")

    def test_presence(self) -> None:
        self.check("gischat-presence")

    def test_fanout(self) -> None:
        self.check("gischat-fanout")

    def test_short_outage_is_not_noticed_by_writers(self) -> None:
        deployment = self.deployment
        client = self.client(deployment.edges[0])
        client.wait_for_count(1)
        for program in SERVICES:
            with self.subTest(program):
                self.kill_all(program)
                mark = client.mark()
                self.start_again(program)
                self.assertEqual(client.until_mark(mark), [])


class Instances(LifecycleCase):
    """INSTANCE_ID separates deployments on one Redis."""

    def edges(self, *names: str) -> list[Address]:
        url = self.redis().url
        processes = [self.start("gischat", REDIS_URL=url, INSTANCE_ID=n, CHANNELS=CHANNEL)
                     for n in names]
        for process in processes:
            process.wait_until_ready()
        return [process.address("listening on") for process in processes]

    def test_same_id_is_one_chat(self) -> None:
        one, two = (self.client(edge) for edge in self.edges("a", "a"))
        one.wait_for_count(2)
        two.wait_for_count(2)
        one.register("Ada")
        two.expect("newcomer", newcomer="Ada")
        self.chats(two, one)

    def test_other_id_is_another_chat(self) -> None:
        edges = self.edges("a", "b")
        one, two = (self.client(edge) for edge in edges)
        one.register("Ada")
        two.register("Ada")
        one.say("hello")
        one.expect("text")
        two.expect_nothing()
        self.assertEqual((one.counts, two.counts), ([1], [1]))
        self.assertEqual(self.get(edges[1], f"/channel/{CHANNEL}/last").json(), [])

    def test_split_parts_and_all_in_one_share_a_redis(self) -> None:
        deployment = self.deploy("split", INSTANCE_ID="shared")
        assert deployment.redis is not None
        process = self.start("gischat", REDIS_URL=deployment.redis.url, INSTANCE_ID="shared",
                             CHANNELS=CHANNEL)
        process.wait_until_ready()
        one = self.client(deployment.edges[0])
        two = self.client(process.address("listening on"))
        one.wait_for_count(2)
        two.wait_for_count(2)
        self.chats(one, two)
        self.chats(two, one)


class Logs(LifecycleCase):
    """What is said, and what is never said."""

    def test_texts_are_never_logged(self) -> None:
        process = self.start("gischat", GISCHAT_LOG_LEVEL="debug", CHANNELS=CHANNEL)
        client = self.client(process.address("listening on"))
        client.say("CONFIDENTIAL")
        client.expect("text")
        client.say("CONFIDENTIAL" * 30)
        client.expect("uncompliant")
        client.send('{"type":"text","text":"CONFIDENTIAL"')
        client.expect("uncompliant")
        client.leave()
        self.assertEqual(process.stop(), 0)
        self.assertNotIn("CONFIDENTIAL", "\n".join(process.lines))

    def test_json_logs_are_one_object_a_line(self) -> None:
        for program in PROGRAMS:
            with self.subTest(program):
                url = f"redis://127.0.0.1:{free_port()}"
                needs = {"REDIS_URL": url} if program.endswith(("presence", "fanout")) else {}
                process = self.start(program, GISCHAT_LOG_FORMAT="json", **needs)
                process.admin()
                self.assertEqual(process.stop(), 0)
                for line in process.lines:
                    self.assertTrue(line.startswith("{") and line.endswith("}"), line)


def main() -> int:
    global bin_dir
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bin-dir", type=Path, required=True, help="folder of the programs")
    parser.add_argument("-k", action="append", dest="patterns", help="only cases that match")
    parser.add_argument("-v", "--verbose", action="store_true", help="name every case")
    options = parser.parse_args()
    bin_dir = options.bin_dir.resolve()
    loader = unittest.TestLoader()
    if options.patterns:
        loader.testNamePatterns = [p if "*" in p else f"*{p}*" for p in options.patterns]
    suite = loader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1 + options.verbose).run(suite)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
