#!/usr/bin/env python3
"""The checker finds every kind of fault: one that can't fail would prove nothing."""

from __future__ import annotations

import unittest

from checker import Findings, Ledger, Membership, Order


class Views(unittest.TestCase):
    """Views of one channel."""

    def setUp(self) -> None:
        self.findings = Findings()
        self.order = Order("QGIS", self.findings)
        self.one = self.order.join("one")
        self.two = self.order.join("two")

    def faults(self) -> dict[str, int]:
        return {kind: times for kind, times in self.findings.faults.items() if times}

    def test_the_same_order_is_fine_whoever_is_ahead(self) -> None:
        for message in ((1, 1), (2, 1), (1, 2)):
            self.one.see(message)
        for message in ((1, 1), (2, 1), (1, 2), (2, 2)):
            self.two.see(message)
        self.one.see((2, 2))
        self.assertEqual(self.faults(), {})
        self.assertEqual(self.order.stragglers(), [])

    def test_a_stretch_is_fine(self) -> None:
        for message in ((1, 1), (1, 2), (1, 3), (1, 4)):
            self.one.see(message)
        late = self.order.join("late")
        late.see((1, 3))
        late.see((1, 4))
        self.assertEqual(self.faults(), {})

    def test_a_loss(self) -> None:
        for message in ((1, 1), (1, 2), (1, 3)):
            self.one.see(message)
        self.two.see((1, 1))
        self.two.see((1, 3))
        self.assertEqual(self.faults(), {"lost": 1})

    def test_a_loss_of_whoever_is_ahead(self) -> None:
        self.one.see((1, 1))
        self.one.see((2, 2))
        for message in ((1, 1), (2, 1), (2, 2)):
            self.two.see(message)
        self.assertNotEqual(self.faults(), {})

    def test_a_loss_at_the_end(self) -> None:
        self.one.see((1, 1))
        self.one.see((1, 2))
        self.two.see((1, 1))
        self.assertEqual([view.label for view in self.order.stragglers()], ["two"])
        self.two.note_missing()
        self.assertEqual(self.faults(), {"lost": 1})

    def test_a_double(self) -> None:
        self.one.see((1, 1))
        self.one.see((2, 1))
        self.assertFalse(self.one.see((1, 1)))
        self.assertEqual(self.faults(), {"doubled": 1})

    def test_a_double_in_a_stretch(self) -> None:
        for message in ((1, 1), (2, 1), (2, 2)):
            self.one.see(message)
        late = self.order.join("late")
        for message in ((2, 1), (2, 1), (2, 2)):
            late.see(message)
        self.assertEqual(self.faults(), {"doubled": 1})

    def test_a_swap_of_two_writers(self) -> None:
        for message in ((1, 1), (2, 1), (3, 1)):
            self.one.see(message)
        for message in ((2, 1), (1, 1), (3, 1)):
            self.two.see(message)
        self.assertEqual(self.faults().get("out of order"), 1)

    def test_a_swap_of_two_writers_in_the_middle(self) -> None:
        for message in ((9, 1), (1, 1), (2, 1), (3, 1)):
            self.one.see(message)
        for message in ((9, 1), (2, 1), (1, 1), (3, 1)):
            self.two.see(message)
        self.assertEqual(self.faults(), {"out of order": 1})

    def test_a_swap_of_one_writer_that_everybody_sees(self) -> None:
        for view in (self.one, self.two):
            view.see((1, 2))
            view.see((1, 1))
        self.assertNotEqual(self.faults(), {})

    def test_a_message_that_only_one_saw(self) -> None:
        self.one.see((1, 1))
        self.one.see((2, 1))
        for message in ((1, 1), (3, 1)):
            self.two.see(message)
        self.one.see((3, 1))
        self.assertEqual(self.faults(), {"lost": 1})

    def test_a_session_that_hears_nothing(self) -> None:
        self.one.see((1, 1))
        self.two.joined()
        self.assertEqual(self.order.stragglers(), [])
        self.one.see((1, 2))
        self.assertEqual([view.label for view in self.order.stragglers()], ["two"])

    def test_who_comes_late_may_be_ahead_of_all(self) -> None:
        self.one.see((1, 1))
        late = self.order.join("late")
        late.see((3, 1))
        late.see((3, 2))
        self.assertIn(late, self.order.stragglers())
        for message in ((2, 1), (3, 1), (3, 2)):
            self.one.see(message)
        late.see((3, 3))
        self.one.see((3, 3))
        self.assertEqual(self.faults(), {})
        self.assertEqual(self.order.stragglers(), [])

    def test_who_comes_late_and_misses_one(self) -> None:
        self.one.see((1, 1))
        late = self.order.join("late")
        late.see((3, 1))
        late.see((3, 3))
        for message in ((2, 1), (3, 1), (3, 2), (3, 3)):
            self.one.see(message)
        self.assertNotEqual(self.faults(), {})

    def test_what_only_a_late_one_saw(self) -> None:
        self.one.see((1, 1))
        late = self.order.join("late")
        late.see((3, 1))
        self.order.settle()
        self.one.note_missing()
        self.assertEqual(self.faults(), {"lost": 1})

    def test_the_last_who_knew_leaves(self) -> None:
        self.one.see((1, 1))
        late = self.order.join("late")
        late.see((3, 1))
        self.one.leave()
        late.see((3, 2))
        self.two.see((3, 1))
        self.two.see((3, 2))
        self.assertEqual(self.faults(), {})

    def test_who_left_need_not_see_the_end(self) -> None:
        self.two.see((1, 1))
        self.two.leave()
        self.one.see((1, 1))
        self.one.see((1, 2))
        self.assertEqual(self.order.stragglers(), [])


class Answers(unittest.TestCase):
    """What senders are told."""

    def setUp(self) -> None:
        self.findings = Findings()
        self.ledger = Ledger("one", self.findings)

    def test_echoes_answer(self) -> None:
        self.ledger.send(1, 10.0)
        self.assertEqual(self.ledger.unanswered, 1)
        self.assertEqual(self.ledger.echo(1, 10.5), 0.5)
        self.ledger.close()
        self.assertFalse(self.findings.faults)

    def test_silence_is_found(self) -> None:
        self.ledger.send(1, 10.0)
        self.ledger.close()
        self.assertEqual(self.findings.faults["unanswered"], 1)

    def test_refusals_answer(self) -> None:
        self.ledger.send(1, 10.0)
        self.ledger.send(2, 10.0)
        self.ledger.refuse("text: not delivered, the server can't pass it on now; try again")
        self.ledger.refuse("text: may not have been delivered, the server got no answer in time")
        self.ledger.close()
        self.assertFalse(self.findings.faults)

    def test_what_was_refused_must_not_come(self) -> None:
        self.ledger.send(1, 10.0)
        self.ledger.refuse("text: not delivered, the server can't pass it on now; try again")
        self.ledger.echo(1, 11.0)
        self.ledger.close()
        self.assertEqual(self.findings.faults["told no, yet delivered"], 1)

    def test_what_may_not_have_been_delivered_may_come(self) -> None:
        self.ledger.send(1, 10.0)
        self.ledger.refuse("text: may not have been delivered, the server got no answer in time")
        self.ledger.echo(1, 11.0)
        self.ledger.close()
        self.assertFalse(self.findings.faults)

    def test_other_refusals_are_odd(self) -> None:
        self.ledger.refuse("text: at most 255 characters (you sent 300)")
        self.assertEqual(self.findings.faults["odd refusal"], 1)


class Names(unittest.TestCase):
    """Newcomers and exiters."""

    def setUp(self) -> None:
        self.findings = Findings()
        self.names = Membership("one", self.findings)

    def test_a_ghost(self) -> None:
        self.names.newcomer("Ada")
        self.names.newcomer("Bob")
        self.names.exiter("Bob")
        self.assertEqual(self.names.ghosts({"Ada"}), set())
        self.assertEqual(self.names.ghosts(set()), {"Ada"})

    def test_a_newcomer_twice(self) -> None:
        self.names.newcomer("Ada")
        self.names.newcomer("Ada")
        self.assertEqual(self.findings.faults["newcomer twice"], 1)

    def test_a_newcomer_again_where_that_is_right(self) -> None:
        self.names.again_allowed = True
        self.names.newcomer("Ada")
        self.names.newcomer("Ada")
        self.assertFalse(self.findings.faults)


if __name__ == "__main__":
    unittest.main()
