"""A host that is director and real server: what it is now, and how the one becomes the other."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from fake import FakeSession, host
from lvsdr.cli.main import run
from lvsdr.errors import ProfileError
from lvsdr.keepalived.transition import Host, Report, Roles, enter
from lvsdr.model.objects import Address, RealServer, SyncDaemon, Sysctl
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.reader import read

PROFILES = Path(__file__).parent.parent / "profiles"
VIP = ip_address("192.168.1.2")
# One of the director's real servers.
RIP = Address("eth0", ip_interface("192.168.1.11/24"), label="eth0")
ON_ETH0 = Address("eth0", ip_interface("192.168.1.2/32"), label="eth0:0")
LOUD = [Sysctl(f"net/ipv4/conf/all/{name}", "0") for name in ("arp_ignore", "arp_announce")]
OFF = Sysctl("net/ipv4/vs/backup_only", "0")


@pytest.fixture
def session(tmp_path: Path) -> FakeSession:
    return FakeSession(host(RIP, OFF, *LOUD), tmp_path / "run")


def roles(folder: Path, **fields: object) -> Roles:
    document = json.loads((PROFILES / "director.json").read_text())
    daemons = [{"state": state, "syncid": 1} for state in ("master", "backup")]
    path = folder / "director.json"
    path.write_text(json.dumps({**document, "standby": "synced", "sync_daemons": daemons} | fields))
    director, served = read(path, "director"), read(PROFILES / "realserver.json", "realserver")
    assert isinstance(director, DirectorProfile)
    assert isinstance(served, RealServerProfile)
    return Roles(director, served)


def entered(session: FakeSession, state: str, what: Roles) -> Report:
    made = Host(session.kernel(), session.book(), session.announcer, grace=0)
    return enter(state, what, made)


def ran(session: FakeSession, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    profile = str(PROFILES / "realserver.json")
    code = run((*words, "--allow-insecure-profile", profile), session)
    said = capsys.readouterr()
    return code, said.out + said.err


# What the real server's commands say on it.


@pytest.mark.parametrize("owner", ["lvsdr", "keepalived"])
def test_a_real_server_that_is_the_director_now_is_no_fault(
    session: FakeSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], owner: str
) -> None:
    fields = {"sysctls": {"backup_only": 1}} if owner == "keepalived" else {}
    entered(session, "MASTER", roles(tmp_path, vips_owner=owner, **fields))
    session.kernel().objects[ON_ETH0.key] = ON_ETH0

    verified = ran(session, capsys, "realserver", "verify")
    applied = ran(session, capsys, "realserver", "apply")

    assert verified[0] == 0
    assert "warning: VIP-DIRECTOR: eth0 holds 192.168.1.2 for director:" in verified[1]
    assert "VIP-ON-LINK" not in verified[1]
    assert applied[0] == 0
    assert "this host is the director now" in applied[1]
    assert ON_ETH0.key in session.kernel().objects


@pytest.mark.parametrize("owner", ["lvsdr", "keepalived"])
@pytest.mark.parametrize("standby", ["empty", "synced"])
def test_a_standby_that_holds_the_vip_on_the_link_is_a_fault(
    session: FakeSession,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    owner: str,
    standby: str,
) -> None:
    fields = {"sysctls": {"backup_only": 1}} if owner == "keepalived" else {}
    what = roles(tmp_path, vips_owner=owner, standby=standby, **fields)
    entered(session, "MASTER", what)
    entered(session, "BACKUP", what)
    session.kernel().objects[ON_ETH0.key] = ON_ETH0

    verified = ran(session, capsys, "realserver", "verify")
    applied = ran(session, capsys, "realserver", "apply")

    assert (verified[0], applied[0]) == (1, 6)
    assert "error: VIP-ON-LINK" in verified[1]


def test_the_vip_with_another_prefix_is_not_the_directors(
    session: FakeSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entered(session, "MASTER", roles(tmp_path))
    wide = replace(ON_ETH0, ip=ip_interface("192.168.1.2/24"))
    session.kernel().objects[wide.key] = wide

    verified = ran(session, capsys, "realserver", "verify")

    assert verified[0] == 1
    assert "error: VIP-ON-LINK" in verified[1]


# How a director becomes a standby.


def test_who_gives_way_serves_what_is_new_itself_until_it_is_passed_by(
    session: FakeSession, tmp_path: Path
) -> None:
    what = roles(tmp_path)
    entered(session, "MASTER", what)
    before = len(session.kernel().sent)

    entered(session, "BACKUP", what)

    sent = session.kernel().sent[before:]
    done = [(each.sign, *map(str, each.key[:2])) for each in sent]
    weights = [
        (str(each.after.rip), each.after.weight)
        for each in sent
        if isinstance(each.after, RealServer)
    ]
    # The VIP first; the weight of the other one comes back once IPVS is passed by.
    assert done[0] == ("-", *map(str, ON_ETH0.key[:2]))
    assert [each for each in done if each[1] == SyncDaemon.kind] == [
        ("-", SyncDaemon.kind, "master"),
        ("+", SyncDaemon.kind, "backup"),
    ]
    assert weights == [("192.168.1.12", 0), ("192.168.1.12", 1)]
    kinds = [each.key[0] for each in sent]
    assert kinds.index(RealServer.kind) < kinds.index(SyncDaemon.kind)
    assert kinds[-1] == RealServer.kind


def test_a_standby_that_is_told_so_again_does_nothing(session: FakeSession, tmp_path: Path) -> None:
    what = roles(tmp_path)
    entered(session, "MASTER", what)
    entered(session, "BACKUP", what)
    before = len(session.kernel().sent)

    entered(session, "BACKUP", what)

    assert len(session.kernel().sent) == before


def test_a_standby_is_one_though_its_weights_are_refused(
    session: FakeSession, tmp_path: Path
) -> None:
    what = roles(tmp_path)
    entered(session, "MASTER", what)
    # The VIP, the weight.
    session.kernel().refuse = [len(session.kernel().sent) + 1]

    report = entered(session, "BACKUP", what)

    daemons = {key[1] for key in session.kernel().objects if key[0] == SyncDaemon.kind}
    assert daemons == {"backup"}
    assert len(report.notes) == 1


def test_vips_of_keepalived_on_hosts_that_are_both_need_backup_only(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="in a loop"):
        roles(tmp_path, vips_owner="keepalived")


def test_where_keepalived_brings_the_vips_no_host_is_passed_by(
    session: FakeSession, tmp_path: Path
) -> None:
    """It would reset the connections from when the VIP comes until the daemons are swapped."""
    alone = Roles(replace(roles(tmp_path).director, vips_owner="keepalived"))

    entered(session, "BACKUP", alone)

    assert session.kernel().objects[OFF.key] == OFF
