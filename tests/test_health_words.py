"""What people are told of services of which nobody serves, and of sides where nobody is heard."""

from __future__ import annotations

from ipaddress import ip_address

from lvsdr.keeper import health_words
from lvsdr.keeper.path_states import PROGRAMS, Sight
from lvsdr.model.ipvs import RealServer, Service

WEB = Service("tcp", ip_address("192.0.2.10"), 80)
OTHER = Service("tcp", ip_address("192.0.2.10"), 443)
SORRY = RealServer(WEB, ip_address("192.0.2.99"), 80)


def test_who_serves_in_the_end_is_told() -> None:
    told = [
        health_words.none_serves(WEB, [SORRY], kept=False),
        health_words.none_serves(OTHER, [SORRY], kept=False),
        health_words.none_serves(OTHER, [SORRY], kept=True),
    ]

    assert [each.partition(" serves: ")[2] for each in told] == [
        "its sorry server 192.0.2.99 does",
        "all are out of service",
        "the last ones stay as they are",
    ]


def test_programs_that_say_nothing_are_no_side() -> None:
    assert [health_words.sight(PROGRAMS, seen) for seen in Sight] == [
        "some programs of checks say nothing: they cannot be started, or a link is down: nothing is"
        " taken out for that",
        "all programs of checks say something again",
    ]


def test_a_side_is_a_link_or_what_this_host_lacks() -> None:
    told = [
        health_words.sight(side, seen) for side in ("eth0", "no-route", "no-vip") for seen in Sight
    ]

    nothing = "nothing is taken out for that"
    unknown = "which VIP its service is asked at is not known"
    assert told == [
        f"eth0: nobody is heard there any more: {nothing}",
        "eth0: somebody is heard there again",
        f"this host has no way to real servers: {nothing}",
        "this host has a way to real servers again",
        f"{unknown}: nobody is heard there any more: {nothing}",
        f"{unknown}: somebody is heard there again",
    ]
