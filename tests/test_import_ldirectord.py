"""ldirectord.cf as profiles: its defaults, its checks, and what it would not start with.

That the table is the same is for tests/lab/test_restored_tables.py, with ldirectord itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lvsdr.errors import ProfileError
from lvsdr.formats.ldirectord.ldirectord_import import of_text
from lvsdr.model.finding import ERROR, WARNING
from lvsdr.model.imported import Document, Imported, Unsaid
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import profile_in
from lvsdr.render.profile_text import profile_lines

WEB = "virtual=192.0.2.10:80\n"
REAL = "\treal=192.0.2.11:80 gate\n"
DEFAULTS = {"interval": 10, "fall": 1, "rise": 1, "action": "remove", "when_all_fail": "drop"}


def imported(text: str) -> Imported:
    return of_text(text, "l.cf", Unsaid("eth0"))


def director(text: str) -> Document:
    """Return the director's profile, which our own reader takes."""
    found = imported(text).director
    assert found is not None
    raw = "\n".join(profile_lines(found)).encode()
    assert isinstance(profile_in(raw, Path("director.json"), "director"), DirectorProfile)
    return found


def service(text: str) -> dict[str, Any]:
    (found,) = director(text)["virtual_servers"]
    return dict(found)


def rules(text: str) -> list[tuple[str, str]]:
    return [(each.rule, each.severity) for each in imported(text).findings]


def test_the_defaults_are_those_that_ldirectord_has() -> None:
    found = director(WEB + REAL)

    assert found["health"] == {**DEFAULTS, "timeout": 10, "check": {"http": {}}}
    assert found["virtual_servers"] == [
        {
            "vip": "192.0.2.10",
            "protocol": "tcp",
            "port": 80,
            "scheduler": "wrr",
            "real_servers": [{"rip": "192.0.2.11"}],
        }
    ]


@pytest.mark.parametrize(
    ("options", "check"),
    [
        ("checktype=connect", "path"),
        ("checktype=ping", "path"),
        ("service=https", "path"),
        ("checkport=8080", "path"),
        ('request="status?x"\n\treceive="up"', {"http": {"path": "/status?x", "contains": "up"}}),
        ("virtualhost=www.example.org", {"http": {"host": "www.example.org"}}),
        ("checktype=external\n\tcheckcommand=/opt/check", {"command": ["/opt/check"]}),
        ("checktype=external\n\tcheckcommand=check -x", "path"),
        ('receive="a.*b"', {"http": {}}),
        ("checktype=3", {"http": {}}),
    ],
)
def test_each_check_becomes_the_nearest_of_ours(options: str, check: object) -> None:
    assert director(f"{WEB}{REAL}\t{options}\n")["health"].get("check", "path") == check


def test_a_page_of_a_service_of_datagrams_is_not_asked_for() -> None:
    text = f"virtual=192.0.2.10:53\n{REAL}\tservice=http\n\tprotocol=udp\n"

    assert director(text)["health"].get("check", "path") == "path"
    assert ("IMPORT-LOST", WARNING) in rules(text)


@pytest.mark.parametrize("kind", ["on", "negotiate\n\tservice=none"])
def test_what_is_not_checked_there_is_not_checked_here(kind: str) -> None:
    assert "health" not in director(f"{WEB}{REAL}\tchecktype={kind}\n")


def test_the_commonest_checks_are_the_profiles_and_others_a_services_own() -> None:
    others = "virtual=192.0.2.10:81\n\treal=192.0.2.11 gate\n\tchecktype=on\n"
    slow = f"virtual=192.0.2.10:82\n{REAL}\tchecktype=connect\n\tchecktimeout=3\n\tfailurecount=4\n"
    rest = "".join(f"virtual=192.0.2.1{each}:80\n{REAL}" for each in (2, 3))

    found = director(WEB + REAL + others + slow + rest)["virtual_servers"]

    assert [each.get("health", "as all") for each in found] == [
        "as all",
        None,
        {"timeout": 3, "fall": 4, "check": "path"},
        "as all",
        "as all",
    ]


def test_a_fallback_is_who_serves_while_nobody_does() -> None:
    assert service(f"fallback=192.0.2.99\n{WEB}{REAL}")["sorry_server"] == {"rip": "192.0.2.99"}
    # A director that serves the page itself has no other address for it.
    assert ("IMPORT-LOST", ERROR) in rules(f"fallback=127.0.0.1:80 gate\n{WEB}{REAL}")


def test_a_range_is_taken_by_number() -> None:
    text = f"{WEB}\treal=192.0.2.9->192.0.2.11:80 gate 2\n"

    rips = [each["rip"] for each in service(text)["real_servers"]]

    assert rips == ["192.0.2.9", "192.0.2.11"]
    # The one in the middle is the VIP.
    assert ("IMPORT-LOST", ERROR) in rules(text)


def test_an_address_without_a_port_is_a_mark() -> None:
    assert service("virtual=192.0.2.5\n\treal=192.0.2.11 gate\n")["fwmark"] == 192


def test_a_service_that_ipvsadm_refuses_is_left_out() -> None:
    text = f"{WEB}{REAL}\tpersistent=0\nvirtual=192.0.2.12:80\n{REAL}"

    assert service(text)["vip"] == "192.0.2.12"
    assert ("IMPORT-REFUSED", ERROR) in rules(text)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (f"{WEB}\n{REAL}", ":3:"),
        (f"quiescent=no \n{WEB}", ":1:"),
        (f"{WEB}{REAL}\tquiescent=no\r\n", ":3:"),
        (f"{WEB}  real=192.0.2.11:80 gate\n", ":2:"),
        (f"{WEB}\treal=192.0.2.11:80\n", ":2:"),
        (f"{WEB}\treal=192.0.2.11:80 gate 5 x\n", ":2:"),
        (f"{WEB}\treal6=[2001:db8::1]:80 gate\n", ":2:"),
        (f"{WEB}\treal=192.0.2.12->192.0.2.11 gate\n", ":2:"),
        (f"{WEB}{REAL}\tnetmask=24\n", ":3:"),
        (f"{WEB}{REAL}\tchecktype=maybe\n", ":3:"),
        (f"{WEB}{REAL}{WEB}", ":3:"),
        ("virtual=[2001:db8::1]:80\n", ":1:"),
        ("nothing known\n", ":1:"),
        (f"{WEB}\treal=10.0.0.1->10.255.0.1 gate\n", ":2:"),
        (WEB + "\treal=10.0.0.1->10.0.15.1 gate\n" * 30, ":28:"),
        ("x" * 3000, ":1:"),
    ],
)
def test_what_ldirectord_does_not_start_with_is_refused_with_its_line(
    text: str, where: str
) -> None:
    with pytest.raises(ProfileError) as refused:
        imported(text)

    assert where in refused.value.message
    assert refused.value.hints


@pytest.mark.parametrize("option", ['emailalert="a@b"', "maintenancedir=/run/m", "execute=b"])
def test_what_happens_besides_is_told(option: str) -> None:
    assert ("IMPORT-LOST", WARNING) in rules(f"{option}\n{WEB}{REAL}")


def test_where_no_service_can_be_said_no_profile_of_checks_alone_comes_of_it() -> None:
    found = imported("virtual=0.0.0.0:80\n\tchecktype=connect\n" + REAL)

    assert found.documents == {}
    assert ("IMPORT-LOST", ERROR) in rules("virtual=0.0.0.0:80\n")
