#!/usr/bin/env python3
"""Whether gischat-load notices what it is there to notice, over real sockets and several processes.

notices_test.py --bin-dir build/dev/bin
"""

from __future__ import annotations

import json
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

from liar import TRUTH, Liar

FAULTS = (
    "lost",
    "doubled",
    "misordered",
    "misrouted",
    "other_order",
    "unpublished",
    "closed",
    "newcomers_lost",
    "newcomers_doubled",
)
CROWD = ["--clients", "24", "--senders", "4", "--processes", "3", "--patience", "1"]
MESSAGES = ["--rate", "200", "--warmup", "0.1", "--duration", "0.4"]
TIMEOUT_SECONDS = 60

_bin_dir = Path()


class NoticesTest(unittest.TestCase):
    def run_load(self, lie: str, flags: list[str], **liar: int) -> tuple[int, dict[str, Any]]:
        """Exit status and report of a run against a server that tells this lie."""
        server = Liar(lie, **liar)
        try:
            run = subprocess.run(
                [_bin_dir / "gischat-load", "--url", server.url("a"), "--url", server.url("b")]
                + CROWD
                + flags,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
            )
        finally:
            server.stop()
        self.assertTrue(run.stdout, run.stderr)
        return run.returncode, json.loads(run.stdout)

    def assert_faults(self, lie: str, flags: list[str], expected: dict[str, int]) -> None:
        status, report = self.run_load(lie, flags)
        found = {name: report[name] for name in FAULTS if report[name]}
        self.assertEqual(found, expected)
        self.assertEqual(status, 1 if expected else 0)
        self.assertEqual(report["ok"], not expected)

    def test_finds_nothing_when_all_is_well(self) -> None:
        self.assert_faults(TRUTH, MESSAGES, {})

    # Each channel loses, doubles and so on one message, and there are two channels.
    def test_a_message_that_one_member_does_not_get(self) -> None:
        self.assert_faults("lose", MESSAGES, {"lost": 2})

    def test_a_message_that_nobody_gets(self) -> None:
        self.assert_faults("swallow", MESSAGES, {"unpublished": 2})

    def test_a_message_that_comes_twice(self) -> None:
        self.assert_faults("double", MESSAGES, {"doubled": 2})

    def test_messages_that_one_member_gets_in_another_order(self) -> None:
        self.assert_faults("late", MESSAGES, {"other_order": 2})

    def test_messages_of_one_sender_in_another_order(self) -> None:
        flags = [*MESSAGES, "--senders", "2"]  # one for each channel
        self.assert_faults("late", flags, {"misordered": 2, "other_order": 2})

    def test_a_message_in_the_wrong_channel(self) -> None:
        self.assert_faults("misroute", MESSAGES, {"misrouted": 2})

    def test_a_connection_that_is_cut(self) -> None:
        self.assert_faults("cut", MESSAGES, {"closed": 2})

    def test_a_newcomer_of_whom_one_member_is_not_told(self) -> None:
        flags = ["--joins", "10", "--newcomers"]
        self.assert_faults("forget", flags, {"newcomers_lost": 10})

    def test_a_joiner_who_is_never_told_a_count(self) -> None:
        status, report = self.run_load("silent", ["--joins", "10"], count_only=12)
        self.assertEqual(status, 1)
        self.assertEqual(report["join_failures"], 10)

    def test_nothing_when_all_join(self) -> None:
        status, report = self.run_load(TRUTH, ["--joins", "10", "--newcomers"])
        self.assertEqual((status, report["joined"]), (0, 10))

    def test_who_does_not_read_is_not_expected_to_hear(self) -> None:
        status, report = self.run_load(TRUTH, [*MESSAGES, "--stalled", "50"])
        self.assertEqual((status, report["stalled"], report["stalled_cut"]), (0, 10, 0))

    def test_that_nobody_listens(self) -> None:
        run = subprocess.run(
            [_bin_dir / "gischat-load", "--url", "ws://127.0.0.1:1/channel/QGIS/ws"],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
        self.assertEqual(run.returncode, 2)
        self.assertIn("Connection refused", run.stderr)


if __name__ == "__main__":
    at = sys.argv.index("--bin-dir")
    _bin_dir = Path(sys.argv.pop(at + 1)).resolve()
    sys.argv.pop(at)
    unittest.main()
