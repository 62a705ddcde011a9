"""`lvsdr status` without a profile, and withdraw by name, without a record, after a rename."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest

from fake import ETH0, LO, FakeKernel, FakeSession, host
from former_records import make_former
from lvsdr.cli.command_line import cli
from lvsdr.model.host import HostLink
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.objects import Address, Link, Object, Sysctl, keyed

DIP = Address("eth0", ip_interface("192.168.1.10/24"), label="eth0")
VIP = Address("eth0", ip_interface("192.168.1.2/32"), label="eth0:0")
WEB = Service("tcp", VIP.ip.ip, 80)
TABLE = VirtualServer(WEB, "rr")
RS1 = RealServer(WEB, ip_address("192.168.1.11"), 80)
QUIET = (
    Sysctl("net/ipv4/conf/all/arp_ignore", "0"),
    Sysctl("net/ipv4/conf/all/arp_announce", "0"),
)
NUMBERED = replace(ETH0, index=2)
SERVER = {"vip": "192.168.1.2", "protocol": "tcp", "port": 80, "scheduler": "rr"}
DIRECTOR = {
    "role": "director",
    "name": "web",
    "interface": "eth0",
    "vips": [{"address": "192.168.1.2"}],
    "virtual_servers": [{**SERVER, "real_servers": [{"rip": "192.168.1.11"}]}],
}
REALSERVER = {
    "role": "realserver",
    "name": "web",
    "interface": "eth0",
    "holder": "dummy",
    "vips": ["192.168.1.2"],
}

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for document in (DIRECTOR, REALSERVER):
        (tmp_path / f"{document['role']}.json").write_text(json.dumps(document))
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; return its exit code and all that it says."""

    def run(session: FakeSession, *words: str | Path) -> tuple[int, str]:
        code = cli.main(list(map(str, words)), obj=session, standalone_mode=False)
        out, err = capsys.readouterr()
        return int(code), out + err

    return run


def session_on(folder: Path, *objects: Object) -> FakeSession:
    kernel = host(*objects, links=(NUMBERED, LO))
    return FakeSession(kernel, folder / "run")


def rename(kernel: FakeKernel, old: str, new: str, index: int) -> None:
    """Do what the kernel does when a link is renamed: addresses and labels go along."""
    links = {name: link for name, link in kernel.bare.links.items() if name != old}
    links[new] = HostLink(new, index=index)
    kernel.bare = replace(kernel.bare, links=links)
    moved = [
        replace(item, link=new, label=(item.label or "").replace(old, new))
        if isinstance(item, Address) and item.link == old
        else item
        for item in kernel.objects.values()
    ]
    kernel.objects = keyed(moved)


def test_what_is_applied_is_listed_without_a_profile(folder: Path, run: Run) -> None:
    session = session_on(folder, DIP, *QUIET)
    run(session, "director", "apply", folder / "director.json")

    code, said = run(session, "status")
    (folder / "director.json").unlink()
    again = run(session, "status", "--format", "json")

    assert code == 0
    assert said.splitlines()[0] == f"director web, from {folder / 'director.json'}"
    assert "applied 20" in said.splitlines()[1]
    assert "192.168.1.2/32 on eth0 as eth0:0" in said
    document: dict[str, Any] = json.loads(again[1])
    (web,) = document["profiles"]
    assert (document["format"], document["ok"]) == ("lvsdr/applied/1", True)
    assert (web["role"], web["name"], web["cut_off"]) == ("director", "web", False)
    assert {each["object"] for each in web["objects"]} == {
        "address",
        "virtual_server",
        "real_server",
    }


def test_what_others_have_taken_away_is_missing_there(folder: Path, run: Run) -> None:
    session = session_on(folder, DIP)
    run(session, "director", "apply", folder / "director.json")
    session.kernel().lose(VIP.key)

    code, said = run(session, "status")

    assert code == 1
    assert "192.168.1.2/32 on eth0 as eth0:0" in said
    assert "missing" in said


def test_where_nothing_is_applied_that_is_said(folder: Path, run: Run) -> None:
    assert run(session_on(folder), "status") == (0, "nothing is applied on this host\n")


def test_a_profile_whose_file_is_gone_is_withdrawn_by_its_name(folder: Path, run: Run) -> None:
    session = session_on(folder, DIP)
    run(session, "director", "apply", folder / "director.json")
    (folder / "director.json").unlink()

    code, said = run(session, "director", "withdraw", "--name", "web")

    assert code == 0
    assert "- 192.168.1.2/32 on eth0" in said
    assert list(session.kernel().objects.values()) == [DIP]
    assert run(session, "status") == (0, "nothing is applied on this host\n")


def test_a_name_that_the_record_does_not_have_is_refused(folder: Path, run: Run) -> None:
    from lvsdr.errors import ProfileError

    session = session_on(folder, DIP)
    run(session, "director", "apply", folder / "director.json")

    with pytest.raises(ProfileError, match="no such profile") as refused:
        run(session, "director", "withdraw", "--name", "mail")

    assert refused.value.hints == ["it has: director web"]


def test_without_a_record_what_is_there_is_said_and_stays(folder: Path, run: Run) -> None:
    session = session_on(folder, DIP)
    run(session, "director", "apply", folder / "director.json")
    session.book().path.unlink()
    before = dict(session.kernel().objects)

    code, said = run(session, "director", "withdraw", folder / "director.json")

    assert code == 1
    assert "nothing to change" not in said
    assert "= address 192.168.1.2/32 on eth0 as eth0:0 stays" in said
    assert "= real server 192.168.1.11:80 of tcp 192.168.1.2:80" in said
    assert session.kernel().objects == before


def test_without_a_record_it_goes_when_that_is_asked_for(folder: Path, run: Run) -> None:
    foreign = replace(RS1, rip=ip_address("192.168.1.99"))
    session = session_on(folder, DIP, *QUIET)
    for role in ("realserver", "director"):
        run(session, role, "apply", folder / f"{role}.json")
    session.book().path.unlink()
    session.kernel().objects[foreign.key] = foreign

    for role in ("director", "realserver"):
        command = (role, "withdraw", "--without-record", folder / f"{role}.json")
        assert run(session, *command)[0] == 0

    left = session.kernel().objects
    assert {item for item in left.values() if not isinstance(item, Sysctl)} == {DIP, TABLE, foreign}


def test_a_service_alone_does_not_tell_that_it_is_ours(folder: Path, run: Run) -> None:
    session = session_on(folder, DIP, TABLE)

    assert run(session, "director", "withdraw", folder / "director.json") == (
        0,
        "nothing to change\n",
    )


def test_a_renamed_link_is_followed(folder: Path, run: Run) -> None:
    session = session_on(folder, DIP)
    run(session, "director", "apply", folder / "director.json")
    rename(session.kernel(), "eth0", "ens18", 2)

    code, said = run(session, "director", "withdraw", folder / "director.json")

    assert code == 0
    assert "link eth0 is called ens18 now" in said
    assert "- 192.168.1.2/32 on ens18" in said
    assert list(session.kernel().objects.values()) == [replace(DIP, link="ens18", label="ens18")]


def test_a_new_profile_for_the_renamed_link_takes_over_what_is_there(
    folder: Path, run: Run
) -> None:
    session = session_on(folder, DIP)
    run(session, "director", "apply", folder / "director.json")
    rename(session.kernel(), "eth0", "ens18", 2)
    sent = len(session.kernel().sent)
    (folder / "director.json").write_text(json.dumps({**DIRECTOR, "interface": "ens18"}))

    applied = run(session, "director", "apply", folder / "director.json")
    changes = len(session.kernel().sent) - sent
    withdrawn = run(session, "director", "withdraw", folder / "director.json")

    assert (applied[0], changes, withdrawn[0]) == (0, 0, 0)
    assert [item.key[2] for item in session.kernel().objects.values()] == ["ens18"]


def test_a_link_of_the_old_name_that_is_another_one_is_left_alone(folder: Path, run: Run) -> None:
    session = session_on(folder, DIP)
    run(session, "director", "apply", folder / "director.json")
    rename(session.kernel(), "eth0", "ens18", 2)
    session.kernel().gain_link(HostLink("eth0", index=7), ip_interface("10.0.0.1/24"))
    session.kernel().objects[VIP.key] = VIP

    run(session, "director", "withdraw", folder / "director.json")

    assert VIP.key in session.kernel().objects
    assert replace(VIP, link="ens18").key not in session.kernel().objects


def test_a_record_without_numbers_says_where_the_vip_was_left(folder: Path, run: Run) -> None:
    """That of an older version: lvsdr/baseline/2 without `links`."""
    session = session_on(folder, DIP)
    run(session, "director", "apply", folder / "director.json")
    make_former(session.book(), "links", "origins")
    rename(session.kernel(), "eth0", "ens18", 2)

    code, said = run(session, "director", "withdraw", folder / "director.json")

    assert code == 1
    assert "192.168.1.2/32 on ens18 stays: lvsdr put it on eth0, which is gone" in said
    assert "nothing to change" not in said


def test_a_holder_that_was_renamed_goes_all_the_same(folder: Path, run: Run) -> None:
    session = session_on(folder, DIP, *QUIET)
    run(session, "realserver", "apply", folder / "realserver.json")
    kernel = session.kernel()
    plain = json.loads(session.book().path.read_text())
    plain["links"] = {"lvsdr0": 9}
    session.book().path.write_text(json.dumps(plain))
    lvsdr0 = kernel.objects.pop(("link", "lvsdr0"))
    assert isinstance(lvsdr0, Link)
    kernel.objects["link", "mine"] = replace(lvsdr0, name="mine")
    rename(kernel, "lvsdr0", "mine", 9)

    code, said = run(session, "realserver", "withdraw", folder / "realserver.json")

    assert code == 0
    assert "- mine (dummy" in said
    assert set(kernel.objects.values()) == {DIP, *QUIET}
