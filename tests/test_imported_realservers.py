"""The real servers' profiles of a director's: one for all, or one for each kind of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fake import FakeSession, host
from importing import Importer
from lvsdr.cli.main import run
from lvsdr.formats.imported_realservers import realserver_documents
from lvsdr.model.imported import Document

VIP, OTHER = "192.0.2.5", "192.0.2.6"


def server(vip: str = VIP, *rips: str, **fields: object) -> Document:
    real_servers = [{"rip": rip, **fields} for rip in rips]
    return {"vip": vip, "protocol": "tcp", "port": 80, "real_servers": real_servers}


def director(*servers: Document, vips: tuple[str, ...] = (VIP, OTHER)) -> Document:
    return {
        "role": "director",
        "interface": "eth0",
        "vips": [{"address": vip} for vip in vips],
        "virtual_servers": list(servers),
    }


def documents(profile: Document, interface: str) -> dict[str, Document]:
    found, findings = realserver_documents(profile, interface, "a file")
    assert findings == ()
    return found


def test_real_servers_that_hold_the_same_have_one_profile_without_rips() -> None:
    found = documents(director(server(VIP, "192.0.2.11", "192.0.2.12")), "eth1")

    assert found == {"realserver": {"role": "realserver", "interface": "eth1", "vips": [VIP]}}


def test_those_that_hold_different_vips_are_kept_apart_by_their_rips() -> None:
    one = server(VIP, "192.0.2.11", "192.0.2.12")
    other = server(OTHER, "192.0.2.12")

    found = documents(director(one, other), "eth0")

    assert {name: (each["vips"], each["rips"]) for name, each in found.items()} == {
        "realserver-1": ([VIP], ["192.0.2.11"]),
        "realserver-2": ([VIP, OTHER], ["192.0.2.12"]),
    }


def test_the_holder_is_where_the_tunnel_ends() -> None:
    kinds = {"192.0.2.11": {}, "192.0.2.12": {"tunnel_type": "gre"}}
    servers = [server(VIP, rip, forwarding_method="tunnel", **kind) for rip, kind in kinds.items()]
    servers.append(server(VIP, "192.0.2.13"))

    found = documents(director(*servers), "eth0")

    assert {each.get("holder", "dummy"): each["rips"] for each in found.values()} == {
        "tunl0": ["192.0.2.11"],
        "gre0": ["192.0.2.12"],
        "dummy": ["192.0.2.13"],
    }
    assert set(found) == {"realserver-tunl0", "realserver-gre0", "realserver-dummy"}


def test_an_end_that_cannot_hold_what_comes_out_of_it_is_no_holder() -> None:
    six = server("2001:db8::5", "192.0.2.12", forwarding_method="tunnel", tunnel_type="gre")

    found = documents(director(six, vips=("2001:db8::5",)), "eth0")

    assert [each.get("holder", "dummy") for each in found.values()] == ["dummy"]


def test_a_vip_that_comes_by_both_ways_is_held_at_the_end_of_the_tunnel() -> None:
    servers = [
        server(VIP, "192.0.2.11"),
        {**server(VIP, "192.0.2.11", forwarding_method="tunnel"), "port": 81},
    ]

    (found,) = documents(director(*servers), "eth0").values()

    assert (found["holder"], found["vips"]) == ("tunl0", [VIP])


def test_a_host_at_the_end_of_a_tunnel_holds_all_its_vips_there() -> None:
    servers = [server(OTHER, "192.0.2.11"), server(VIP, "192.0.2.11", forwarding_method="tunnel")]

    (found,) = documents(director(*servers), "eth0").values()

    assert (found["holder"], found["vips"]) == ("tunl0", [VIP, OTHER])


def test_real_servers_of_masquerade_hold_nothing() -> None:
    masked = server(VIP, "192.0.2.11", forwarding_method="masquerade")

    assert documents(director(masked), "eth0") == {}


def test_a_sorry_server_holds_the_vip_as_any_other_does() -> None:
    with_sorry = {**server(VIP, "192.0.2.11"), "sorry_server": {"rip": "192.0.2.99"}}
    others = server(OTHER, "192.0.2.99")

    found = documents(director(with_sorry, others), "eth0")

    assert [(each["rips"], each["vips"]) for each in found.values()] == [
        (["192.0.2.11"], [VIP]),
        (["192.0.2.99"], [VIP, OTHER]),
    ]


def test_a_mark_stands_for_the_vips_that_no_service_names() -> None:
    marked = {"fwmark": 5, "real_servers": [{"rip": "192.0.2.11"}]}
    named = server(VIP, "192.0.2.12")

    found = documents(director(marked, named), "eth0")

    assert {tuple(each["rips"]): each["vips"] for each in found.values()} == {
        ("192.0.2.11",): [OTHER],
        ("192.0.2.12",): [VIP],
    }


def test_of_a_mark_without_any_vip_nobody_knows_what_is_held() -> None:
    marked = {"fwmark": 5, "real_servers": [{"rip": "192.0.2.11"}]}

    assert documents(director(marked, vips=()), "eth0") == {}


@pytest.mark.parametrize("tool", ["keepalived", "ldirectord", "ipvsadm"])
def test_of_too_many_kinds_one_profile_is_for_all_and_that_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tool: str
) -> None:
    many = [server(f"192.0.2.{n}", f"198.51.100.{n}") for n in range(1, 18)]
    profile, file = tmp_path / "web.json", tmp_path / "file"
    profile.write_text(json.dumps(director(*many, vips=tuple(each["vip"] for each in many))))
    importer = Importer(tmp_path, capsys)
    assert run(("export", tool, str(profile)), FakeSession(host(), tmp_path)) in (0, 1)
    file.write_text(capsys.readouterr().out)

    told = importer.told(file.read_text(), "--interface", "eth0", source=tool)

    shared = told.profiles["realserver.json"]
    assert set(told.profiles) == {"director.json", "realserver.json"}
    assert (len(shared["vips"]), "rips" in shared) == (17, False)
    assert [each for each in told.lost("warning") if "17 kinds of real servers" in each]
