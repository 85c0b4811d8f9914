#!/usr/bin/env python3
"""Tests of what the suite makes of its measurements; they measure nothing themselves."""

from __future__ import annotations

import os
import sys
import unittest

from measuring import RedisCount, RunFailed, add_derived, commands_per_second, flat, problems_of
from run import lessened
from scenarios import SCENARIOS, window
from servers import cores
from verdicts import Want, judge, medians, short, table


class FlatTest(unittest.TestCase):
    def test_names_inner_numbers_by_their_path_and_leaves_out_the_rest(self) -> None:
        report = {"a": 1, "b": {"p50": 2.5, "name": "x"}, "c": None, "d": [1], "e": True}
        self.assertEqual(flat(report), {"a": 1, "b.p50": 2.5, "e": 1})


class ProblemsTest(unittest.TestCase):
    def test_names_what_was_wrong(self) -> None:
        report = {"lost": 3, "doubled": 0, "unpublished": 2, "refusals": 1, "first_refusal": "no"}
        self.assertEqual(problems_of(report), ["lost 3", "unpublished 2", "refusals 1: no"])

    def test_finds_nothing_in_a_good_run(self) -> None:
        self.assertEqual(problems_of({"lost": 0, "unpublished": 0, "refusals": 0}), [])


class DerivedTest(unittest.TestCase):
    def test_divides_the_grown_memory_by_those_who_stall(self) -> None:
        numbers = {"stalled": 50.0, "server_most_above_begin_mib": 100.0}
        add_derived(numbers)
        self.assertEqual(numbers["mib_per_stalled"], 2)


class RedisCountTest(unittest.TestCase):
    counts = [RedisCount(at, commands) for at, commands in ((1, 0), (2, 100), (3, 151), (4, 202))]

    def test_counts_what_was_done_while_it_was_measured_without_the_questions(self) -> None:
        self.assertEqual(commands_per_second(self.counts, 1.5, 4.5), 50)

    def test_says_when_there_was_no_time_to_count(self) -> None:
        with self.assertRaises(RunFailed):
            commands_per_second(self.counts, 1.5, 2.5)


class MediansTest(unittest.TestCase):
    def test_takes_each_number_over_the_runs_that_have_it(self) -> None:
        runs = [{"a": 1.0, "b": 5.0}, {"a": 9.0}, {"a": 2.0}]
        self.assertEqual(medians(runs), {"a": 2, "b": 5})


class JudgeTest(unittest.TestCase):
    found = {"gischat": {"cpu": 12.0}, "one-send": {"cpu": 10.0}}

    def holds(self, want: Want) -> bool | None:
        return judge("s", True, want, self.found).holds

    def test_compares_the_number_itself_without_a_yardstick(self) -> None:
        self.assertTrue(self.holds(Want("", "cpu", most=12)))
        self.assertFalse(self.holds(Want("", "cpu", most=11.9)))
        self.assertTrue(self.holds(Want("", "cpu", least=12)))
        self.assertFalse(self.holds(Want("", "cpu", least=12.1)))

    def test_compares_the_ratio_with_one(self) -> None:
        self.assertTrue(self.holds(Want("", "cpu", against="one-send", most=1.2)))
        self.assertFalse(self.holds(Want("", "cpu", against="one-send", most=1.1)))
        self.assertFalse(self.holds(Want("", "cpu", against="one-send", least=1.3)))

    def test_scales_before_it_compares(self) -> None:
        self.assertTrue(self.holds(Want("", "cpu", most=0.012, scale=0.001)))

    def test_says_nothing_of_what_is_not_wanted_or_not_known(self) -> None:
        self.assertIsNone(self.holds(Want("", "cpu")))
        self.assertIsNone(self.holds(Want("", "memory", most=1)))
        self.assertIsNone(self.holds(Want("", "cpu", against="nobody", most=1)))


class TableTest(unittest.TestCase):
    def test_says_value_ratio_and_bound_of_each(self) -> None:
        want = Want("CPU", "cpu", against="one-send", most=1.1, unit="us")
        text = table([judge("n100", False, want, JudgeTest.found)])
        cells = [cell.strip() for cell in text.splitlines()[2].strip("|").split("|")]
        self.assertEqual(
            cells, ["n100", "free", "CPU", "12 us", "10 one-send", "1.2", "<= 1.1 x", "NO"]
        )

    def test_shortens_numbers_to_three_digits(self) -> None:
        self.assertEqual(
            [short(n) for n in (0.0123456, 1.2345, 123.4, 1234.0, 987654.0, None)],
            ["0.0123", "1.23", "123", "1,230", "988,000", "-"],
        )


class ScenariosTest(unittest.TestCase):
    def test_have_names_of_their_own(self) -> None:
        self.assertEqual(len({s.name for s in SCENARIOS}), len(SCENARIOS))

    def test_want_only_of_cases_that_are_run(self) -> None:
        for scenario in SCENARIOS:
            cases = {case.name for case in scenario.cases}
            self.assertEqual(len(cases), len(scenario.cases), scenario.name)
            for want in scenario.wants:
                self.assertIn(want.case, cases, scenario.name)
                if want.against is not None:
                    self.assertIn(want.against, cases, scenario.name)

    def test_put_as_many_messages_under_way_as_they_say(self) -> None:
        for clients in (2, 10, 100, 1000):
            for under_way in (1, 4, 16):
                flags = window(clients, under_way)
                value = {flags[i]: int(flags[i + 1]) for i in range(0, len(flags), 2)}
                self.assertLessEqual(value["--senders"], clients)
                self.assertEqual(value["--senders"] * value["--window"], under_way)


class QuickTest(unittest.TestCase):
    def test_lessens_the_load_and_nothing_else(self) -> None:
        flags = ["--clients", "10000", "--rate", "20", "--joins", "50"]
        self.assertEqual(lessened(flags), ["--clients", "300", "--rate", "20", "--joins", "50"])


class CoresTest(unittest.TestCase):
    def test_pins_only_inside(self) -> None:
        before = os.sched_getaffinity(0)
        one = {min(before)}
        with cores(one):
            self.assertEqual(os.sched_getaffinity(0), one)
        self.assertEqual(os.sched_getaffinity(0), before)


if __name__ == "__main__":
    sys.exit(unittest.main())
