"""Whether a host would answer a who-has: the kernel's steps, one by one, on hosts that are data.

The lab asks the kernel the same thousands of times; here each step is held by a case of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, ip_interface

import pytest

from lvsdr.model.address import host_network
from lvsdr.model.explanation import Reply
from lvsdr.model.host import TABLE_LOCAL, HeldAddress, Host, HostLink
from lvsdr.model.objects import ProxyNeighbour
from lvsdr.model.route_lookup import RouteTo
from lvsdr.rules.host.arp_reply import Question, packets, reply
from lvsdr.rules.host.explain_arp import FILTER

VIP, RIP = IPv4Address("192.0.2.10"), IPv4Address("192.0.2.11")
NEAR, FAR = IPv4Address("192.0.2.250"), IPv4Address("198.51.100.250")
LINKS = {each.name: each for each in (HostLink("eth0"), HostLink("lo", loopback=True))}
LOCAL, BACK = RouteTo("local", "lo"), RouteTo("unicast", "eth0")
Settings = Mapping[str, int]
UNSET: Settings = {}


def host(*held: str, settings: Settings = UNSET, proxies: tuple[ProxyNeighbour, ...] = ()) -> Host:
    """Return a host with addresses, LINK ADDRESS SCOPE, and settings, LINK/NAME."""
    fields = (item.split() for item in held)
    addresses = tuple(HeldAddress(link, ip_interface(ip), scope) for link, ip, scope in fields)
    sysctls = {f"net/ipv4/conf/{path}": str(value) for path, value in settings.items()}
    return Host(LINKS, addresses, sysctls, proxies)


def asked(
    seen: Host,
    target: IPv4Address = VIP,
    sender: IPv4Address = NEAR,
    arriving: RouteTo = LOCAL,
    back: RouteTo = BACK,
) -> Reply:
    """Return the answer on eth0 to `sender`, where the question and the answer go these ways."""
    question = Question("eth0", target, sender)
    looked_up = dict(zip(packets(question, seen), (arriving, back), strict=True))
    return reply(question, replace(seen, routes=looked_up))


OWN, ON_LO = "eth0 192.0.2.11/24 global", "lo 192.0.2.10/32 host"


@pytest.mark.parametrize(
    ("value", "target", "sender", "answers"),
    [
        pytest.param(0, VIP, NEAR, True, id="0, of lo"),
        pytest.param(1, VIP, NEAR, False, id="1, of lo"),
        pytest.param(1, RIP, NEAR, True, id="1, of the link"),
        pytest.param(1, RIP, FAR, True, id="1, of the link, to a stranger"),
        pytest.param(2, RIP, NEAR, True, id="2, of the link, to a neighbour"),
        pytest.param(2, RIP, FAR, False, id="2, of the link, to a stranger"),
        pytest.param(3, VIP, NEAR, False, id="3, of scope host"),
        pytest.param(3, RIP, NEAR, True, id="3, of scope global"),
        pytest.param(4, VIP, NEAR, True, id="4, which is reserved"),
        pytest.param(8, RIP, NEAR, False, id="8"),
        pytest.param(9, VIP, NEAR, True, id="9, which nobody has given a meaning"),
    ],
)
@pytest.mark.parametrize("scope", ["all", "eth0"])
def test_arp_ignore_says_what_is_answered_and_to_whom(
    value: int, target: IPv4Address, sender: IPv4Address, answers: bool, scope: str
) -> None:
    seen = host(OWN, ON_LO, settings={f"{scope}/arp_ignore": value})

    assert asked(seen, target, sender).answers is answers


@pytest.mark.parametrize(
    ("scope", "answers"),
    [("global", True), ("site", True), ("link", True), ("200", True), ("254", False)],
)
def test_with_3_the_scope_decides_whichever_link_holds_it(scope: str, answers: bool) -> None:
    seen = host(OWN, f"lo 192.0.2.10/32 {scope}", settings={"eth0/arp_ignore": 3})

    assert asked(seen).answers is answers


def test_a_link_that_takes_loopback_addresses_from_outside_has_none_of_scope_host() -> None:
    settings = {"eth0/arp_ignore": 3, "lo/route_localnet": 1}

    assert asked(host(OWN, ON_LO, settings=settings)).answers


def test_a_host_address_of_the_link_is_answered_for_to_those_of_its_subnet() -> None:
    held = host(
        "eth0 192.0.2.11/24 global", "eth0 192.0.2.10/32 global", settings={"eth0/arp_ignore": 2}
    )

    assert [asked(held, VIP, sender).answers for sender in (NEAR, FAR)] == [True, False]


@pytest.mark.parametrize("scope", ["all", "eth0"])
def test_arp_filter_lets_answer_where_the_answer_would_leave(scope: str) -> None:
    seen = host(OWN, ON_LO, settings={f"{scope}/arp_filter": 1})
    elsewhere = asked(seen, back=RouteTo("unicast", "eth1"))

    assert asked(seen).answers
    assert (elsewhere.answers, elsewhere.why) == (
        False,
        f"arp_filter: what goes to {NEAR} leaves through eth1",
    )


@pytest.mark.parametrize("kind", ["refused", "gone", "unreachable"])
def test_a_question_that_does_not_come_in_is_not_answered(kind: str) -> None:
    assert not asked(host(OWN, ON_LO), arriving=RouteTo(kind)).answers


ELSEWHERE = RouteTo("unicast", "eth1")


@pytest.mark.parametrize(
    ("held", "strict", "back", "filtered"),
    [
        (ON_LO, 1, ELSEWHERE, True),
        (ON_LO, 1, BACK, False),
        (ON_LO, 0, ELSEWHERE, False),
        (OWN, 1, ELSEWHERE, False),
    ],
)
def test_what_the_filter_drops_is_so_called_where_the_kernel_calls_it_a_blackhole(
    held: str, strict: int, back: RouteTo, filtered: bool
) -> None:
    local = {TABLE_LOCAL: frozenset({host_network(VIP)} if held == ON_LO else ())}
    seen = replace(host(OWN, held, settings={"eth0/rp_filter": strict}), local_routes=local)

    found = asked(seen, arriving=RouteTo("blackhole"), back=back)

    assert not found.answers
    assert ("the reverse-path filter of eth0 drops the question" in found.why) is filtered


@pytest.mark.parametrize(
    ("settings", "out", "proxy"),
    [
        pytest.param({}, ELSEWHERE, "", id="off"),
        pytest.param({"eth0/proxy_arp": 1}, ELSEWHERE, "proxy_arp", id="of the link"),
        pytest.param({"all/proxy_arp": 1}, ELSEWHERE, "proxy_arp", id="of all"),
        pytest.param({"eth0/proxy_arp": 1}, BACK, "", id="back through the link"),
        pytest.param({"eth0/proxy_arp_pvlan": 1}, BACK, "proxy_arp_pvlan", id="a private VLAN"),
        pytest.param({"eth0/proxy_arp_pvlan": 1}, ELSEWHERE, "", id="a private VLAN, elsewhere"),
    ],
)
def test_a_proxy_answers_for_what_it_would_forward(
    settings: Settings, out: RouteTo, proxy: str
) -> None:
    found = asked(host(OWN, settings=settings), arriving=out)

    assert (found.answers, found.proxy) == (proxy != "", proxy)


def test_a_private_vlan_lets_a_host_announce_itself() -> None:
    seen = host(OWN, settings={"eth0/proxy_arp_pvlan": 1})

    assert not asked(seen, NEAR, NEAR, arriving=BACK).answers


@pytest.mark.parametrize(
    ("here", "there", "answers"),
    [(0, 0, True), (0, -1, True), (-1, 1, False), (1, 2, True), (1, 1, False), (1, -1, False)],
)
def test_one_medium_needs_no_proxy(here: int, there: int, answers: bool) -> None:
    media = {"eth0/proxy_arp": 1, "eth0/medium_id": here, "eth1/medium_id": there}

    assert asked(host(OWN, settings=media), arriving=ELSEWHERE).answers is answers


@pytest.mark.parametrize(
    ("link", "address", "answers"),
    [("eth0", VIP, True), ("", VIP, True), ("eth1", VIP, False), ("eth0", RIP, False)],
)
def test_an_entry_answers_for_its_address_on_its_link(
    link: str, address: IPv4Address, answers: bool
) -> None:
    seen = host(OWN, proxies=(ProxyNeighbour(link, address),))

    assert asked(seen, arriving=ELSEWHERE).answers is answers


def test_the_values_of_rp_filter_are_explained_as_the_kernel_means_them() -> None:
    assert {value: words.partition(":")[0] for value, words in FILTER.items()} == {
        0: "off",
        1: "strict",
        2: "loose",
    }
