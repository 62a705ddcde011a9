"""Which questions are asked again: those that not every host has answered."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

import pytest

from lvsdr.model.address import IPAddress
from lvsdr.model.neighbour_claim import Answer, AnswerForm
from lvsdr.wire.arp_nd_questions import (
    Asker,
    Questions,
    many,
    neighbour_questions,
    schedule_again,
)
from lvsdr.wire.unanswered_questions import unanswered_questions

US, ONE, OTHER = (f"02:00:00:00:00:{end}" for end in (10, 11, 12))
VIP, VIP6 = IPv4Address("192.0.2.10"), IPv6Address("2001:db8::10")
ASKER = Asker(US, IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1"))
WHOLE = neighbour_questions(ASKER, [VIP])
LATE, PROMPT = Questions(WHOLE.late, ()), Questions((), WHOLE.prompt)
NONE = Questions((), ())


def heard(*said: tuple[str, AnswerForm], address: IPAddress = VIP) -> list[Answer]:
    return [Answer(address, mac, form) for mac, form in said]


@pytest.mark.parametrize(
    ("answers", "again"),
    [
        ([], WHOLE),
        ([(ONE, "own"), (ONE, "probe")], NONE),
        ([(ONE, "own")], PROMPT),
        ([(ONE, "probe")], LATE),
        # The director was heard in both forms, and a real server in one: of the other it got lost.
        ([(ONE, "own"), (ONE, "probe"), (OTHER, "own")], PROMPT),
        ([(ONE, "own"), (ONE, "probe"), (OTHER, "probe")], LATE),
        ([(ONE, "own"), (OTHER, "probe")], WHOLE),
        # What a host says unasked answers nothing.
        ([(ONE, "overheard")], WHOLE),
    ],
)
def test_of_ipv4_a_form_is_asked_again_that_not_each_host_has_answered(
    answers: list[tuple[str, AnswerForm]], again: Questions
) -> None:
    assert unanswered_questions(ASKER, [VIP], heard(*answers)) == again


@pytest.mark.parametrize("form", ["own", "proxy", "probe"])
def test_of_ipv6_one_answer_is_enough(form: AnswerForm) -> None:
    answers = heard((ONE, form), address=VIP6)

    assert unanswered_questions(ASKER, [VIP6], answers) == NONE


def test_of_ipv6_who_is_silent_is_asked_again() -> None:
    silent = unanswered_questions(ASKER, [VIP6], [])

    assert silent == neighbour_questions(ASKER, [VIP6])
    assert silent.late


def test_without_an_address_of_ones_own_there_is_one_form_to_ask_again() -> None:
    asker = Asker(US, None, None)

    assert unanswered_questions(asker, [VIP], heard((ONE, "probe"))) == NONE
    assert unanswered_questions(asker, [VIP], []) == PROMPT


def test_others_are_left_alone() -> None:
    other = VIP + 1
    answers = heard((ONE, "own"), (ONE, "probe"))

    again = unanswered_questions(ASKER, [VIP, other], answers)

    assert again == neighbour_questions(ASKER, [other])


def test_they_are_asked_once_more_at_the_rate_and_owners_are_waited_for() -> None:
    timed, end = schedule_again(Questions((b"own",) * 500, (b"probe",) * 500), 1.6, 5000)

    dues = [due for due, _ in timed]
    assert [frame for _, frame in timed] == [b"own"] * 500 + [b"probe"] * 500
    assert all(before <= after for before, after in pairwise(dues))
    assert dues[-1] == pytest.approx(0.2, abs=0.002)
    assert end == pytest.approx(0.7, abs=0.01)


def test_a_thousand_questions_are_many() -> None:
    assert many(Questions((b"",) * 500, (b"",) * 500))
    assert not many(Questions((b"",) * 500, (b"",) * 499))
