#!/usr/bin/env python3
"""Settings that change while people chat: SIGHUP with a good and with a bad file, under load.

Three clients write a hundred texts a second in a channel that stays, others sit in one that goes.
What changes is there within a second, nothing is lost, whoever is in the channel that goes is
closed with 1001 after the last text that it wrote, and a bad file changes nothing.
"""

from __future__ import annotations

import argparse
import os
import pty
import signal
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import e2e  # noqa: F401: finds the conformance suite's tools

from chat_client import ChatClient
from deployment import Deployment
from http_client import Address, request
from processes import wait_until
from websocket_client import Closed, HandshakeRefused

STAYS, GOES, COMES = "Stays", "Goes", "Comes"
EFFECT_SECONDS = 1.0
WRITERS, INTERVAL = 3, 0.03  # a hundred texts a second together
bin_dir = Path("build/dev/bin")


def all_are_in(clients: list[ChatClient]) -> None:
    """Everybody hears what is said from now on, and has heard what was said before."""
    for client in clients:
        client.until_mark(client.mark())
    mark = clients[0].mark()
    for client in clients:
        client.until_mark(mark)


class Load:
    """Clients that write and count in a channel, until they are told to end."""

    def __init__(self, edges: list[Address]) -> None:
        self._end = threading.Event()
        self._failed: list[str] = []
        self.sent = [0] * WRITERS
        self._clients = [ChatClient(edges[n % len(edges)], STAYS) for n in range(WRITERS)]
        all_are_in(self._clients)
        self._seen: list[list[str]] = [[] for _ in range(WRITERS)]
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(WRITERS)]
        self._threads += [threading.Thread(target=self._read, args=(n,)) for n in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> list[list[str]]:
        """What each has seen, once everybody has seen everything."""
        self._end.set()
        for thread in self._threads:
            thread.join()
        for client in self._clients:
            client.socket.abort()
        assert not self._failed, self._failed
        return self._seen

    def _write(self, number: int) -> None:
        while not self._end.is_set():
            self._clients[number].say(f"{number}-{self.sent[number]}")
            self.sent[number] += 1
            self._end.wait(INTERVAL)

    def _read(self, number: int) -> None:
        deadline = time.monotonic() + 10
        try:
            while not self._end.is_set() or len(self._seen[number]) < sum(self.sent):
                try:
                    message = self._clients[number].receive(timeout=0.1)
                except TimeoutError:
                    assert time.monotonic() < deadline, "not everything came"
                    continue
                deadline = time.monotonic() + 10
                assert message["type"] == "text", message.raw
                self._seen[number].append(message["text"])
        except (AssertionError, Closed, OSError) as failure:
            self._failed.append(f"writer {number} after {len(self._seen[number])}: {failure!r}")


class Reload(unittest.TestCase):
    """One deployment, whose file is written anew again and again."""

    setup = "memory"
    maxDiff = 4000

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="gischat-reload-")
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "settings"
        self.write(CHANNELS=f"{STAYS},{GOES}", RULES="old rules")
        self.chat = Deployment(bin_dir, self.setup, {"GISCHAT_CONFIG": str(self.path)})
        self.addCleanup(self.chat.stop)

    def write(self, **settings: str) -> None:
        """The whole file at once, as editors do."""
        text = "# settings of the chat\n\n" + "".join(f"{k} = {v}\n" for k, v in settings.items())
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, self.path)

    def hang_up(self) -> None:
        for process in self.chat.processes:
            process.signal(signal.SIGHUP)

    def reload(self, **settings: str) -> float:
        """Writes the file and tells everybody; the moment."""
        self.write(**settings)
        self.hang_up()
        return time.monotonic()

    def until(self, holds: object, what: str, since: float) -> None:
        wait_until(holds, what)  # type: ignore[arg-type]
        took = time.monotonic() - since
        self.assertLess(took, EFFECT_SECONDS, what)

    def channels(self, edge: Address) -> list[str]:
        return request(edge, "GET", "/channels").json()

    def metric(self, process: object, name: str) -> float:
        text = request(process.admin(), "GET", "/metrics").text  # type: ignore[attr-defined]
        return next(float(line.split()[-1]) for line in text.splitlines()
                    if line.startswith(name + " "))

    def client(self, edge: Address, channel: str) -> ChatClient:
        client = ChatClient(edge, channel)
        self.addCleanup(client.socket.abort)
        return client

    def enter(self, channel: str) -> list[ChatClient]:
        """Two clients for each edge; the first wait for what the channel begins with."""
        clients = [self.client(edge, channel) for edge in self.chat.edges]
        for client in clients:
            client.until_mark(client.mark())
        clients += [self.client(edge, channel) for edge in self.chat.edges]
        all_are_in(clients)
        return clients

    def test_under_load(self) -> None:
        load = Load(self.chat.edges)
        try:
            self.change_rules_and_limits()
            self.refuse_a_bad_file()
            self.remove_a_channel()
            self.bring_it_back_and_another()
            wait_until(lambda: sum(load.sent) > 150, "some load")
        finally:
            seen = load.end()
        wanted = {f"{n}-{i}" for n in range(WRITERS) for i in range(load.sent[n])}
        self.assertGreater(len(wanted), 100)
        for texts in seen:
            self.assertEqual(len(texts), len(wanted), "lost or doubled")
            self.assertEqual(texts, seen[0])
        self.assertEqual(set(seen[0]), wanted)

    def change_rules_and_limits(self) -> None:
        chatter = self.client(self.chat.edges[0], GOES)
        long_text = "x" * 30
        chatter.say(long_text)
        chatter.expect("text", text=long_text)
        since = self.reload(CHANNELS=f"{STAYS},{GOES}", RULES='"new rules"',
                            MAX_MESSAGE_LENGTH="20", CHEATCODES="abracadabra", GISCHAT_IDLE_TIMEOUT="60")
        for edge in self.chat.edges:
            self.until(lambda: request(edge, "GET", "/rules").json()["rules"] == "new rules",
                       "new rules", since)
            self.assertEqual(request(edge, "GET", "/rules").json()["max_message_length"], 20)

        def is_refused() -> bool:
            chatter.say(long_text)
            return chatter.receive()["type"] == "uncompliant"

        self.until(is_refused, "the new limit", since)
        self.assertIn("at most 20 characters", chatter.received[-1]["reason"])
        chatter.say("abracadabra")
        chatter.expect("text", text="abracadabra")
        stored = request(self.chat.edges[0], "GET", f"/channel/{GOES}/last").json()
        self.assertNotIn("abracadabra", [m.get("text") for m in stored])
        for process in self.chat.processes:
            self.until(
                lambda: self.metric(process, 'gischat_config_reloads_total{result="ok"}') == 1,
                "counted", since)
            self.assertEqual(self.metric(process, "gischat_config_last_reload_successful"), 1)
        for process in self.chat.edge_processes:
            process.wait_for_line("GISCHAT_IDLE_TIMEOUT has another value .* needs a restart")
            process.wait_for_line("read again on SIGHUP, changed: .*RULES")

    def refuse_a_bad_file(self) -> None:
        since = self.reload(CHANNELS="Other", RULES="bad", MAX_MESSAGE_LENGTH="none",
                            GISCHAT_LOG_LEVEL="loud")
        for process in self.chat.processes:
            process.wait_for_line(r"settings:6: GISCHAT_LOG_LEVEL: 'loud' must be one of")
            self.until(
                lambda: self.metric(process, 'gischat_config_reloads_total{result="failed"}') == 1,
                "counted", since)
            self.assertEqual(self.metric(process, "gischat_config_last_reload_successful"), 0)
        for process in self.chat.edge_processes:
            process.wait_for_line(r"settings:5: MAX_MESSAGE_LENGTH: 'none' must be an integer")
        for edge in self.chat.edges:
            self.assertEqual(self.channels(edge), [STAYS, GOES])
            self.assertEqual(request(edge, "GET", "/rules").json()["rules"], "new rules")

    def remove_a_channel(self) -> None:
        leavers = [self.client(edge, GOES) for edge in self.chat.edges for _ in range(3)]
        all_are_in(leavers)
        leavers[0].register("Ada")
        sent = [f"last of {n}" for n in range(len(leavers))]
        for text, leaver in zip(sent, leavers):
            leaver.say(text)
        since = self.reload(CHANNELS=f"{STAYS}", RULES="new rules")
        for own, leaver in zip(sent, leavers):
            closed = None
            try:
                while True:
                    leaver.receive()
            except Closed as end:
                closed = end
            self.assertEqual((closed.code, closed.reason), (1001, "channel removed"))
            self.assertLess(time.monotonic() - since, EFFECT_SECONDS)
            self.assertIn(own, [m.get("text") for m in leaver.received])
        for edge in self.chat.edges:
            self.until(lambda: self.channels(edge) == [STAYS], "one channel", since)
            self.assertEqual(self.channels(edge), request(edge, "GET", "/rooms").json())
            names = [c["name"] for c in request(edge, "GET", "/status").json()["channels"]]
            self.assertEqual(names, [STAYS])
            self.assertEqual(request(edge, "GET", f"/channel/{GOES}/users").status, 404)
            with self.assertRaises(HandshakeRefused) as refused:
                ChatClient(edge, GOES)
            self.assertEqual(refused.exception.response.status, 403)
        for process in self.chat.edge_processes:
            process.wait_for_line(f"channel {GOES} is gone")

    def bring_it_back_and_another(self) -> None:
        since = self.reload(CHANNELS=f"{STAYS},{COMES},{GOES}", RULES="new rules")
        for edge in self.chat.edges:
            self.until(lambda: self.channels(edge) == [STAYS, COMES, GOES], "three", since)
        for channel in (COMES, GOES):
            members = self.enter(channel)
            members[0].wait_for_count(len(members))
            members[-1].register("Ada")  # her name was given back
            users = request(self.chat.edges[-1], "GET", f"/channel/{channel}/users").json()
            self.assertEqual(users, ["Ada"])
            self.assertLess(time.monotonic() - since, 3 * EFFECT_SECONDS)
        for process in self.chat.edge_processes:
            self.assertEqual(process.readiness(), 200)
            self.assertEqual(self.metric(process, "gischat_edge_leases_lost_total"), 0)

    def test_a_channel_that_comes_and_goes_all_the_time(self) -> None:
        ended = threading.Event()
        faults: list[str] = []

        def come_and_speak(edge: Address) -> None:
            while not ended.is_set():
                try:
                    client = ChatClient(edge, GOES)
                    client.mark()
                    closed = client.socket.wait_for_close()
                    if closed.code != 1001:
                        faults.append(repr(closed))
                except HandshakeRefused as refused:
                    if refused.response.status != 403:
                        faults.append(repr(refused))
                except (TimeoutError, OSError) as failure:
                    faults.append(repr(failure))

        threads = [threading.Thread(target=come_and_speak, args=(edge,))
                   for edge in self.chat.edges for _ in range(3)]
        for thread in threads:
            thread.start()
        for turn in range(40):
            self.reload(CHANNELS=STAYS if turn % 2 == 0 else f"{STAYS},{GOES}")
            for process in self.chat.processes:
                self.assertTrue(process.running, process.tail())
            time.sleep(0.01 * (turn % 7))  # reloads meet each other in all stages
        since = self.reload(CHANNELS=STAYS)
        ended.set()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])
        self.reload(CHANNELS=f"{STAYS},{GOES}")
        for edge in self.chat.edges:
            wait_until(lambda: self.channels(edge) == [STAYS, GOES], "both")
        clients = self.enter(GOES)
        try:
            clients[0].wait_for_count(len(clients))
        except TimeoutError:
            self.fail(f"{len(clients)} clients count {clients[0].counts}")
        self.assertLess(time.monotonic() - since, 15)
        for process in self.chat.edge_processes:
            self.assertEqual(process.readiness(), 200)

    def test_the_environment_wins(self) -> None:
        self.write(CHANNELS="Inside", RULES="of the file")
        chat = Deployment(bin_dir, "memory",
                          {"GISCHAT_CONFIG": str(self.path), "CHANNELS": "Outside"})
        self.addCleanup(chat.stop)
        gischat = chat.process("gischat")
        self.assertEqual(self.channels(chat.edges[0]), ["Outside"])
        gischat.wait_for_line("CHANNELS in the file of GISCHAT_CONFIG: does not count")
        self.write(CHANNELS="Other", RULES="of the next file")
        gischat.signal(signal.SIGHUP)
        gischat.wait_for_line("changed: RULES")
        self.assertEqual(self.channels(chat.edges[0]), ["Outside"])
        self.assertEqual(sum("does not count" in line for line in gischat.lines), 1)

    def test_without_a_file_nothing_happens(self) -> None:
        chat = Deployment(bin_dir, "memory", {"CHANNELS": STAYS})
        self.addCleanup(chat.stop)
        gischat = chat.process("gischat")
        gischat.signal(signal.SIGHUP)
        gischat.wait_for_line("changed: nothing")
        self.assertTrue(chat.alive())


class Terminal(unittest.TestCase):
    """A hangup that is no request to read settings again."""

    def test_the_program_ends_with_its_terminal(self) -> None:
        settings = {"GISCHAT_PORT": "0", "GISCHAT_ADMIN_PORT": "0", "GISCHAT_ADDRESS": "127.0.0.1"}
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(bin_dir / "gischat", ["gischat"], settings)
        said = b""
        while b"started" not in said:
            said += os.read(terminal, 1 << 16)
        os.kill(pid, signal.SIGHUP)  # while it is there
        while b"read again on SIGHUP" not in said:
            said += os.read(terminal, 1 << 16)
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)


def main() -> int:
    global bin_dir
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bin-dir", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--setup", choices=("memory", "redis", "split"), default="memory")
    parser.add_argument("-k", action="append", help="only tests whose names have this in them")
    options = parser.parse_args()
    bin_dir, Reload.setup = options.bin_dir.resolve(), options.setup
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{k}*" for k in options.k] if options.k else None
    suite = unittest.TestSuite(map(loader.loadTestsFromTestCase, (Reload, Terminal)))
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
