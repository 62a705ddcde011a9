"""Health checks, sorry servers and who owns the table, as a profile says them."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from lvsdr.errors import ProfileError
from lvsdr.model.health import (
    Check,
    CommandCheck,
    Health,
    HttpCheck,
    PathCheck,
    UdpCheck,
)
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile import schema
from lvsdr.profile.reader import read
from lvsdr.profile.reader.every_mistake import read_all

VIP = ip_address("192.168.1.2")
WEB, DNS = Service("tcp", VIP, 80), Service("udp", VIP, 53)
RS1 = {"rip": "192.168.1.11"}
Entry = dict[str, Any]


def web(**own: Any) -> Entry:
    return {"vip": "192.168.1.2", "protocol": "tcp", "port": 80, "real_servers": [RS1], **own}


def dns(**own: Any) -> Entry:
    return {**web(), "protocol": "udp", "port": 53, **own}


def mark(**own: Any) -> Entry:
    return {"fwmark": 7, "real_servers": [RS1], **own}


def data_of(*services: Entry, **own: Any) -> Entry:
    vips = [{"address": "192.168.1.2"}]
    servers = list(services or [web()])
    return {
        "role": "director",
        "interface": "eth0",
        "vips": vips,
        "virtual_servers": servers,
        **own,
    }


def profile(folder: Path, *services: Entry, **own: Any) -> DirectorProfile:
    path = folder / "web.json"
    path.write_text(json.dumps(data_of(*services, **own)))
    found = read(path)
    assert isinstance(found, DirectorProfile)
    return found


def said(folder: Path, *services: Entry, **own: Any) -> str:
    with pytest.raises(ProfileError) as caught:
        profile(folder, *services, **own)
    return caught.value.message.rpartition("web.json: ")[2]


def test_without_the_field_nothing_is_checked(tmp_path: Path) -> None:
    found = profile(tmp_path)

    assert found.health is None
    assert found.health_of(WEB) is None
    assert (found.sorry_servers, found.table_owner, found.on_change) == ((), "lvsdr", ())


def test_an_empty_object_is_the_path_check_with_the_defaults(tmp_path: Path) -> None:
    assert profile(tmp_path, health={}).health_of(WEB) == Health()


def test_null_for_the_whole_profile_is_as_if_it_were_left_out(tmp_path: Path) -> None:
    assert profile(tmp_path, health=None) == profile(tmp_path)


def test_the_schema_and_the_model_have_the_same_defaults(tmp_path: Path) -> None:
    described = schema.document("director")["properties"]["health"]["properties"]
    defaults = {name: field["default"] for name, field in described.items()}

    assert set(defaults) == {field.name for field in fields(Health)}
    assert defaults.pop("check") == "path"
    assert replace(Health(), **defaults) == Health()


def test_every_field_is_read(tmp_path: Path) -> None:
    told = {"interval": 2, "timeout": 0.25, "fall": 3.0, "rise": 1, "check": "path"}

    found = profile(tmp_path, health={**told, "action": "remove", "when_all_fail": "drop"})

    assert found.health == Health(2.0, 0.25, 3, 1, PathCheck(), "remove", "drop")
    assert found.health is not None
    assert [type(each) for each in (found.health.interval, found.health.fall)] == [float, int]


CHECKS: list[tuple[Any, Check]] = [
    ("path", PathCheck()),
    ({"http": {}}, HttpCheck()),
    (
        {"http": {"path": "/a?b=%20", "host": "[::1]:8080", "contains": "Grüße"}},
        HttpCheck("/a?b=%20", "[::1]:8080", ((200, 399),), "Grüße"),
    ),
    (
        {"http": {"status": "200,301-308, 404"}},
        HttpCheck(statuses=((200, 200), (301, 308), (404, 404))),
    ),
    ({"command": ["/bin/true", ""]}, CommandCheck(("/bin/true", ""))),
]


@pytest.mark.parametrize(("told", "check"), CHECKS)
def test_a_check_is_what_its_name_says(tmp_path: Path, told: Any, check: Check) -> None:
    whole = profile(tmp_path, health={"check": told})
    own = profile(tmp_path, web(health={"check": told}))

    assert whole.health == own.health_of(WEB) == Health(check=check)


def test_a_datagram_is_bytes_in_hex(tmp_path: Path) -> None:
    asked = dns(health={"check": {"udp": {"send": "00fF", "expect": "0a"}}})
    any_answer = dns(health={"check": {"udp": {"send": "00"}}})

    assert profile(tmp_path, asked).health_of(DNS) == Health(check=UdpCheck(b"\0\xff", b"\n"))
    assert profile(tmp_path, any_answer).health_of(DNS) == Health(check=UdpCheck(b"\0"))


def test_a_virtual_server_inherits_what_it_does_not_say(tmp_path: Path) -> None:
    services = (web(health={"fall": 5}), dns(health=None))

    found = profile(tmp_path, *services, health={"interval": 3, "action": "remove"})

    assert found.health_of(WEB) == Health(3.0, fall=5, action="remove")
    assert found.health_of(DNS) is None
    assert set(found.own_health) == {WEB, DNS}


def test_another_check_takes_the_place_of_the_whole_check(tmp_path: Path) -> None:
    own = web(health={"check": {"http": {"status": "204"}}})

    found = profile(tmp_path, own, health={"check": {"http": {"path": "/a"}}})

    assert found.health_of(WEB) == Health(check=HttpCheck(statuses=((204, 204),)))


def test_a_virtual_server_may_be_checked_alone(tmp_path: Path) -> None:
    found = profile(tmp_path, web(health={}), dns())

    assert (found.health_of(WEB), found.health_of(DNS)) == (Health(), None)


def test_a_check_that_suits_one_service_alone_is_refused_for_the_other(tmp_path: Path) -> None:
    http: Entry = {"check": {"http": {}}}

    assert said(tmp_path, web(), dns(), health=http).startswith("/virtual_servers/1: http is for")
    assert profile(tmp_path, web(), dns(health=None), health=http).health_of(DNS) is None


@pytest.mark.parametrize(
    ("service", "check"),
    [
        (mark(probe_port=80), {"http": {}}),
        (mark(probe_port=53, probe_protocol="udp"), {"udp": {"send": "00"}}),
        (web(port=0, persistence=9, probe_port=80), {"http": {}}),
        (mark(), {"command": ["/bin/true"]}),
        (mark(), "path"),
        (dns(), "path"),
        (web(protocol="sctp"), "path"),
    ],
)
def test_a_check_is_taken_where_it_is_known_what_to_ask(
    tmp_path: Path, service: Entry, check: Any
) -> None:
    assert len(profile(tmp_path, {**service, "health": {"check": check}}).own_health) == 1


@pytest.mark.parametrize(
    ("service", "check"),
    [
        (mark(probe_port=53, probe_protocol="udp"), {"http": {}}),
        (mark(probe_port=80), {"udp": {"send": "00"}}),
        (web(protocol="sctp"), {"http": {}}),
    ],
)
def test_a_check_of_another_protocol_is_refused(tmp_path: Path, service: Entry, check: Any) -> None:
    assert " is for " in said(tmp_path, {**service, "health": {"check": check}})


def test_a_mark_needs_an_address_at_which_its_real_servers_are_asked(tmp_path: Path) -> None:
    asked = mark(probe_vip="192.168.1.2", health={})
    behind_nat = mark(real_servers=[{**RS1, "forwarding_method": "masquerade"}], health={})

    assert "no VIP of this mark" in said(tmp_path, mark(health={}), vips=[])
    assert len(profile(tmp_path, asked, vips=[]).own_health) == 1
    assert len(profile(tmp_path, behind_nat, vips=[]).own_health) == 1


@pytest.mark.parametrize("interval", ["NaN", "Infinity", "1e999"])
def test_an_interval_is_a_number_of_seconds(tmp_path: Path, interval: str) -> None:
    path = tmp_path / "web.json"
    text = json.dumps(data_of(health={"interval": 7}))
    path.write_text(text.replace('"interval": 7', f'"interval": {interval}'))

    with pytest.raises(ProfileError, match=r"/health/interval: .* not between 0\.1 and 3600"):
        read(path)


def test_a_timeout_is_a_number_of_seconds(tmp_path: Path) -> None:
    path = tmp_path / "web.toml"
    path.write_text(
        'role = "director"\ninterface = "eth0"\nvips = [{address = "192.168.1.2"}]\n'
        "health = {timeout = nan}\n"
    )

    with pytest.raises(ProfileError, match="/health/timeout: "):
        read(path)


def test_a_sorry_server_is_a_real_server_beside_the_others(tmp_path: Path) -> None:
    told = {"rip": "10.0.0.9", "port": 8080, "forwarding_method": "masquerade", "weight": 3.0}

    found = profile(tmp_path, web(sorry_server=told), dns())

    sorry = RealServer(WEB, ip_address("10.0.0.9"), 8080, 3, "masquerade")
    assert found.sorry_servers == (sorry,)
    assert [str(each.rip) for each in found.real_servers] == ["192.168.1.11"] * 2


def test_the_sorry_server_of_one_service_may_serve_another(tmp_path: Path) -> None:
    other = dns(real_servers=[{"rip": "192.168.1.99"}])

    assert len(profile(tmp_path, web(sorry_server={"rip": "192.168.1.99"}), other).rips) == 2


def test_a_sorry_server_of_another_family_and_sync_daemons_exclude_each_other(
    tmp_path: Path,
) -> None:
    sorry = {"rip": "2001:db8::9", "forwarding_method": "tunnel"}
    daemons = [{"state": "master"}]

    assert profile(tmp_path, web(sorry_server=sorry)).sorry_servers
    assert "no sync daemon goes with 2001:db8::9" in said(
        tmp_path, web(sorry_server=sorry), sync_daemons=daemons
    )


def test_who_owns_the_table_and_what_is_told_of_changes_are_read(tmp_path: Path) -> None:
    found = profile(tmp_path, table_owner="keepalived", on_change=["/bin/tell", "a b"])

    assert (found.table_owner, found.on_change) == ("keepalived", ("/bin/tell", "a b"))


def test_what_only_follows_from_a_wrong_health_is_not_told(tmp_path: Path) -> None:
    """Taken out, the health of the profile no longer says what the virtual server inherits."""
    path = tmp_path / "web.json"
    own = web(health={"timeout": 1.5}, sorry_server={"weight": 1})
    path.write_text(json.dumps(data_of(own, health=[2])))

    _, mistakes = read_all(path)

    assert [each.message.removeprefix(f"{path}: ").partition(":")[0] for each in mistakes] == [
        "/virtual_servers/0/sorry_server/rip",
        "/health",
    ]


def test_of_one_health_every_mistake_is_told(tmp_path: Path) -> None:
    path = tmp_path / "web.json"
    one = dns(health={"rise": 0, "check": {"udp": {"send": "", "expect": "zz"}}})
    other = web(health={"check": {"command": ["true", "-x"]}, "action": "remove"})
    path.write_text(json.dumps(data_of(one, other)))

    _, mistakes = read_all(path)

    assert [each.message.removeprefix(f"{path}: ").partition(":")[0] for each in mistakes] == [
        "/virtual_servers/0/health/rise",
        "/virtual_servers/0/health/check/udp/send",
        "/virtual_servers/1/health/check/command",
    ]
