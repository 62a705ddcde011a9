"""The rule to which conftest holds the hint of every finding that any test makes."""

from __future__ import annotations

import pytest

from lvsdr.model.finding import ERROR, Finding
from typed_hints import fault_of_hint

GOOD = [
    "",
    "lvsdr realserver apply",
    "lvsdr director apply '/etc/of me/web.json' && ip address del 192.0.2.10/32 dev lo",
    "sysctl -w net/ipv4/conf/eth0/arp_ignore=1; sysctl -w net/ipv4/conf/eth0/arp_announce=2",
    "ip link set eth0 arp on",
    "ip netns exec rs1 sh -c 'ip address add 192.0.2.10/32 dev lo && lvsdr realserver apply'",
]
BAD = [
    "on 192.0.2.11: lvsdr realserver apply",
    "on that host: lvsdr realserver apply; then on the director: lvsdr director announce",
    "let the service listen on 192.0.2.10:80",
    "ip address add DIP/PREFIX dev eth0",
    "lvsdr verify PROFILE",
    "kubectl -n kube-system edit configmap kube-proxy",
    "ss -ltnp 'sport = :80'",
    "lvsdr realserver apply; ",
    "lvsdr realserver apply\nreboot",
]


@pytest.mark.parametrize("hint", GOOD)
def test_a_command_can_be_typed(hint: str) -> None:
    assert fault_of_hint(hint) == ""


@pytest.mark.parametrize("hint", BAD)
def test_words_cannot_be_typed(hint: str) -> None:
    assert fault_of_hint(hint)


def test_a_finding_whose_hint_cannot_be_typed_is_made_by_no_test() -> None:
    with pytest.raises(AssertionError, match="no part of a command"):
        Finding("RULE", ERROR, "eth0", "it is wrong", "ip address add DIP/24 dev eth0")
