"""A table that keepalived owns: looked at, compared and proven, and never written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from fake import FakeSession, host
from lvsdr.cli.main import run
from lvsdr.core.planned_situations import plan_apply, plan_standby
from lvsdr.errors import ProfileError
from lvsdr.formats.keepalived.checked_services import checked_services
from lvsdr.formats.keepalived.conf_syntax import Line, lines_of
from lvsdr.formats.keepalived.configuration import read_by_each_host
from lvsdr.formats.keepalived.judge import findings as judged
from lvsdr.keepalived.host_roles import Roles
from lvsdr.keepalived.rivals import spared
from lvsdr.model.foreign_program import Checker, Owner
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.ipvs_daemons import Timeout
from lvsdr.model.objects import Address, Object, Sysctl
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile import roles
from lvsdr.profile.reader import read
from lvsdr.rules.host import other_programs
from lvsdr.rules.host.table_of_keepalived import differences
from test_cli import DIP, DIRECTOR, REALSERVER, TABLE, Run, kernel_of

VIP = TABLE[3]
(SERVICE,) = (each for each in TABLE if isinstance(each, VirtualServer))
FIRST, SECOND = (each for each in TABLE if isinstance(each, RealServer))
SERVERS = (VirtualServer, RealServer)
STATE: tuple[Object, ...] = (Timeout("tcp", 900), Sysctl("net/ipv4/vs/drop_entry", "0"))


def leaving(folder: Path, **fields: Any) -> str:
    """Write the shipped profile as one that leaves the table to keepalived."""
    document = json.loads(Path(DIRECTOR).read_text())
    path = folder / "web.json"
    path.write_text(json.dumps({**document, "table_owner": "keepalived", **fields}))
    return str(path)


def profile(folder: Path, **fields: Any) -> DirectorProfile:
    found = read(Path(leaving(folder, **fields)))
    assert isinstance(found, DirectorProfile)
    return found


def written(session: FakeSession) -> list[str]:
    """Return what was done to the servers of the table."""
    return [str(it) for it in kernel_of(session).sent if isinstance(it.subject, SERVERS)]


def served(session: FakeSession) -> set[Object]:
    return {it for it in kernel_of(session).objects.values() if isinstance(it, SERVERS)}


@pytest.fixture
def session(tmp_path: Path) -> FakeSession:
    """A host on which keepalived has set up the table, and checked one real server down."""
    return FakeSession(host(DIP, *STATE, SERVICE, FIRST), tmp_path / "run")


def test_apply_and_withdraw_take_all_but_the_table(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = leaving(tmp_path, timeouts={"tcp": 600}, sysctls={"drop_entry": 1})

    plan = Run(capsys, session, "director", "plan", path)
    applied = Run(capsys, session, "director", "apply", path)
    ours = {it for it in kernel_of(session).objects.values() if not isinstance(it, SERVERS)}
    again = Run(capsys, session, "director", "plan", path)
    gone = Run(capsys, session, "director", "withdraw", path)

    assert (plan.code, applied.code, again.code, gone.code) == (1, 0, 0, 0)
    assert ours >= {VIP, Timeout("tcp", 600), Sysctl("net/ipv4/vs/drop_entry", "1")}
    assert written(session) == []
    assert kernel_of(session).objects == host(DIP, *STATE, SERVICE, FIRST).objects


def test_what_lvsdr_had_put_into_the_table_stays_when_keepalived_gets_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    session = FakeSession(host(DIP), tmp_path / "run")
    Run(capsys, session, "director", "apply", DIRECTOR)
    before, sent = served(session), len(written(session))

    applied = Run(capsys, session, "director", "apply", leaving(tmp_path))
    gone = Run(capsys, session, "director", "withdraw", leaving(tmp_path))

    assert "virtual server tcp 192.168.1.2:80" in applied.out
    assert "stays: keepalived owns the table" in applied.out
    assert (applied.code, gone.code) == (0, 0)
    assert served(session) == before == {SERVICE, FIRST, SECOND}
    assert len(written(session)) == sent
    assert session.book().load().claims == {}


def test_a_withdraw_of_what_was_never_applied_so_leaves_the_table(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    session = FakeSession(host(DIP), tmp_path / "run")
    Run(capsys, session, "director", "apply", DIRECTOR)
    sent = len(written(session))

    gone = Run(capsys, session, "director", "withdraw", leaving(tmp_path))
    Run(capsys, session, "director", "withdraw", "--without-record", leaving(tmp_path))

    assert gone.code == 0
    assert len(written(session)) == sent
    assert VIP not in kernel_of(session).objects.values()


@pytest.mark.parametrize("standby", ["empty", "synced"])
def test_a_standby_leaves_the_table_as_it_is(
    session: FakeSession, tmp_path: Path, standby: str
) -> None:
    daemons = [{"state": "master"}, {"state": "backup"}]
    wanted = profile(tmp_path, standby=standby, sync_daemons=daemons)

    active = plan_apply(wanted, kernel_of(session), session.book())
    stands_by = plan_standby(wanted, kernel_of(session), session.book())

    both = (*active.todo, *stands_by.todo)
    assert not [change for change in both if isinstance(change.subject, SERVERS)]
    assert not [key for key in roles.footprint(wanted) if key[0] in ("virtual_server", "service")]
    assert {it.subject.kind for it in stands_by.todo} == (
        {"sync_daemon", "sysctl"} if standby == "synced" else set()
    )


def test_the_fault_we_guard_against_is_real(session: FakeSession, tmp_path: Path) -> None:
    """A profile that does not say so takes the table of keepalived for its own."""
    ours = replace(profile(tmp_path), table_owner="lvsdr")

    put_back = plan_apply(ours, kernel_of(session), session.book()).todo
    emptied = plan_standby(ours, kernel_of(session), session.book()).todo

    assert SECOND in [change.after for change in put_back]
    assert {SERVICE, FIRST} == {change.before for change in emptied}


@pytest.mark.parametrize("more", [(), ("--undo",)])
def test_6_a_real_server_of_keepalived_is_drained_by_keepalived(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path, more: tuple[str, ...]
) -> None:
    path = leaving(tmp_path)
    Run(capsys, session, "director", "apply", path)

    drained = Run(capsys, session, "director", "drain", "--rip", "192.168.1.11", *more, path)

    assert drained.code == 6
    assert "its table_owner is keepalived" in drained.err
    assert "write weight 0 for it in keepalived.conf" in drained.err
    assert written(session) == []


DIFFERENCES: list[tuple[tuple[Object, ...], list[tuple[str, str, str]]]] = [
    ((SERVICE, FIRST, SECOND), []),
    ((SERVICE, FIRST), [("TABLE-OUT", "warning", "is not in keepalived's table")]),
    (
        (SERVICE, FIRST, replace(SECOND, weight=0)),
        [("TABLE-OUT", "warning", "has weight 0 in keepalived's table")],
    ),
    (
        (SERVICE, FIRST, replace(SECOND, weight=7)),
        [("TABLE-DIFFERS", "warning", "is dr, weight 7 in keepalived's table")],
    ),
    (
        (SERVICE, FIRST, replace(SECOND, forwarding_method="tunnel")),
        [("TABLE-DIFFERS", "error", "is tunnel, weight 1 in keepalived's table")],
    ),
    ((), [("TABLE-DIFFERS", "error", "nobody is served")]),
    (
        (replace(SERVICE, scheduler="rr"), FIRST, SECOND),
        [("TABLE-DIFFERS", "error", "is rr, persistence 300 s in keepalived's table")],
    ),
]


@pytest.mark.parametrize(("table", "told"), DIFFERENCES)
def test_what_differs_is_told_in_words_that_touch_nothing(
    tmp_path: Path, table: tuple[Object, ...], told: list[tuple[str, str, str]]
) -> None:
    there = host(*table)
    seen = there.inspect(lambda _: (), table=True)

    found = list(differences(profile(tmp_path), seen))

    assert [(it.rule, it.severity) for it in found] == [each[:2] for each in told]
    assert all(words in it.message for it, (*_, words) in zip(found, told, strict=True))
    assert not any(it.hint for it in found)
    assert all("keepalived" in it.look for it in found)
    assert not list(differences(replace(profile(tmp_path), table_owner="lvsdr"), seen))


def test_verify_proves_the_paths_and_no_remedy_writes_the_table(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = leaving(tmp_path)
    Run(capsys, session, "director", "apply", path)
    stranger = replace(FIRST, rip=ip_address("192.168.1.77"))
    other_port = replace(FIRST, rip=ip_address("192.168.1.78"), port=8080)
    kernel_of(session).objects.update({it.key: it for it in (stranger, other_port)})
    session.verdicts["192.168.1.77"] = "down"

    verified = Run(capsys, session, "director", "verify", path, "--format", "json")
    apart = Run(capsys, session, "director", "verify", DIRECTOR, "--format", "json")

    remedies = {it["rule"]: f"{it['hint']} {it['look']}" for it in verified.document["findings"]}
    assert remedies.keys() >= {"TABLE-OUT", "TABLE-FOREIGN", "PORT-DIFFERS"}
    assert not any("ipvsadm" in each for each in remedies.values())
    assert {str(path.rip) for path in session.probed} >= {"192.168.1.11", "192.168.1.12"}
    # The fault is real: of a table of lvsdr's own the command is printed.
    assert "ipvsadm -d" in apart.out


def test_a_sorry_server_in_the_table_of_keepalived_is_no_stranger(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    service = json.loads(Path(DIRECTOR).read_text())["virtual_servers"][0]
    service["sorry_server"] = {"rip": "192.168.1.99"}
    path = leaving(tmp_path, virtual_servers=[service])
    Run(capsys, session, "director", "apply", path)
    sorry = replace(FIRST, rip=ip_address("192.168.1.99"))
    kernel_of(session).objects[sorry.key] = sorry

    verified = Run(capsys, session, "director", "verify", path, "--format", "json")

    assert "TABLE-FOREIGN" not in verified.out


def test_status_shows_the_table_of_keepalived(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = leaving(tmp_path)
    Run(capsys, session, "director", "apply", path)

    one_out = Run(capsys, session, "director", "status", path, "--format", "json")
    kernel_of(session).objects[SECOND.key] = SECOND
    whole = Run(capsys, session, "director", "status", path, "--format", "json")

    def states(run: Run) -> list[str]:
        return [it["state"] for it in run.document["objects"]]

    assert (one_out.code, states(one_out)) == (1, ["ok", "ok", "ok", "missing"])
    assert (whole.code, states(whole)) == (0, ["ok"] * 4)


def claims(wanted: DirectorProfile, *, unread: bool = False) -> list[str]:
    owners = (
        Owner("keepalived", "/etc/keepalived/keepalived.conf", ("192.168.1.2 80",)),
        Owner("lvs_flush", "/etc/keepalived/keepalived.conf", ("lvs_flush",)),
        *((Owner("keepalived", "/etc/k.conf", unread="cannot be read"),) if unread else ()),
    )
    return [it.rule for it in other_programs.keepalived(wanted, Host({}, owners=owners))]


def test_keepalived_is_no_second_owner_of_a_table_that_is_its_own(tmp_path: Path) -> None:
    wanted = profile(tmp_path)

    assert claims(wanted) == []
    assert claims(replace(wanted, table_owner="lvsdr")) == ["OWNER-KEEPALIVED", "OWNER-FLUSH"]
    # Of what cannot be read nobody knows whether it has the VIPs.
    assert claims(wanted, unread=True) == ["OWNER-KEEPALIVED"]
    assert claims(replace(wanted, vips_owner="keepalived"), unread=True) == []


def test_a_host_that_is_both_needs_a_standby_that_passes_the_table_by(tmp_path: Path) -> None:
    both = read(Path(REALSERVER), "realserver")
    daemons = [{"state": "master"}, {"state": "backup"}]
    synced = profile(tmp_path, standby="synced", sync_daemons=daemons)

    with pytest.raises(ProfileError, match="keepalived keeps its table on a standby too"):
        Roles(profile(tmp_path), both)  # type: ignore[arg-type]
    assert Roles(synced, both).both_schedule  # type: ignore[arg-type]


def test_the_weights_of_keepalived_are_no_matter_of_a_take_over(
    session: FakeSession, tmp_path: Path
) -> None:
    """A host that serves itself would let the others rest, until the last director is silent."""
    wanted = profile(tmp_path)
    own = Address("eth0", DIP.ip.__class__("192.168.1.11/24"), label="eth0")
    seen = host(own).read_host()

    assert spared(wanted, seen, session.book()) == ()
    assert spared(replace(wanted, table_owner="lvsdr"), seen, session.book()) == (SECOND,)


CONF = """
global_defs {{
    enable_script_security
    script_user root
}}
vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {{
        127.255.0.51/32 dev lo scope host
    }}
    notify "/bin/true/lvsdr keepalived notify --director {path}"
}}
virtual_server 192.168.1.2 80 {{
    protocol TCP
    lb_kind DR
    real_server 192.168.1.11 80 {{
        TCP_CHECK {{
        }}
    }}
}}
"""


def rules(text: str, *more: Any) -> list[str]:
    lines = [Line("k.conf", number, each) for number, each in enumerate(text.splitlines(), 1)]
    found = judged(read_by_each_host(lines, "k.conf"), *more)
    return [it.rule for it in found if it.rule != "KEEPALIVED-SCRIPT-PATH"]


def test_virtual_servers_of_keepalived_are_sound_where_the_profile_leaves_it_the_table(
    tmp_path: Path,
) -> None:
    path, wanted = leaving(tmp_path), profile(tmp_path)
    text = CONF.format(path=path)

    assert rules(text, wanted) == rules(text, None, {path}) == []
    assert rules(text) == rules(text, replace(wanted, table_owner="lvsdr"))
    assert rules(text) == ["KEEPALIVED-VIRTUAL-SERVER"]
    assert rules(text, None, {"/another.json"}) == ["KEEPALIVED-VIRTUAL-SERVER"]


@pytest.mark.parametrize(
    ("make", "code"),
    [(leaving, 0), (lambda folder: leaving(folder, table_owner="lvsdr"), 1), (str, 1)],
)
def test_the_profile_of_the_hooks_says_whose_the_table_is(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], str],
    code: int,
) -> None:
    """The last one is no profile at all: what cannot be read leaves nothing to anybody."""
    session = FakeSession(host(DIP), tmp_path / "run")
    program = tmp_path / "lvsdr"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    path = tmp_path / "keepalived.conf"
    path.write_text(CONF.format(path=make(tmp_path)).replace("/bin/true/lvsdr", str(program)))

    checked = Run(capsys, session, "keepalived", "check", str(path), "--format", "json")

    told = [it["rule"] for it in checked.document["findings"]]
    assert ("KEEPALIVED-VIRTUAL-SERVER" in told) == bool(code)


# --- services that keepalived has as well --------------------------------------------------------


def on_host(folder: Path, text: str, *, running: bool) -> tuple[Checker, ...]:
    """Return what keepalived has in a file, on a host where it runs or starts at boot."""
    lines = lines_of(text, "k.conf")
    (conf,) = read_by_each_host(lines, "k.conf")
    services = tuple(checked_services(conf.root))
    return (Checker("keepalived", str(folder / "k.conf"), services, running),)


def server_of(where: str, more: str = "protocol TCP") -> str:
    return f"virtual_server {where} {{\n{more}\nreal_server 192.168.1.11 80 {{\n}}\n}}\n"


GROUP = "virtual_server_group web {\n192.168.1.2-9 80\n}\n" + server_of("group web")


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("verb", ["apply", "keep"])
@pytest.mark.parametrize("text", [server_of("192.168.1.2 80"), GROUP])
def test_a_service_that_keepalived_has_as_well_is_not_set_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], running: bool, verb: str, text: str
) -> None:
    """D23: it keeps what it finds in the table, and takes it away whole when it stops."""
    kernel = host(DIP)
    kernel.checking = on_host(tmp_path, text, running=running)
    before = dict(kernel.objects)
    session = FakeSession(kernel, tmp_path / "run")

    code = run(("director", verb, "--allow-insecure-profile", str(DIRECTOR)), session)

    said = capsys.readouterr().err
    assert code == 6
    assert "cannot set up virtual server tcp 192.168.1.2:80" in said
    assert 'hint: write "table_owner": "keepalived" in the profile' in said
    assert kernel.objects == before


@pytest.mark.parametrize(
    "text",
    [
        server_of("192.168.1.2 8080"),
        server_of("192.168.1.3 80"),
        # Without a protocol keepalived means UDP.
        server_of("192.168.1.2 80", ""),
        server_of("192.168.1.2 80", "protocol UDP"),
        server_of("fwmark 5"),
        # A group that no virtual server names has no service.
        "virtual_server_group web {\n192.168.1.2 80\n}\n",
    ],
)
def test_another_service_of_keepalived_is_no_reason(tmp_path: Path, text: str) -> None:
    kernel = host(DIP)
    kernel.checking = on_host(tmp_path, text, running=True)

    code = run(
        ("director", "apply", "--allow-insecure-profile", str(DIRECTOR)),
        FakeSession(kernel, tmp_path / "run"),
    )

    assert code == 0


def test_what_is_lvsdrs_already_stays_so(tmp_path: Path) -> None:
    """What its checks take out then is left out; verify says that both have it."""
    kernel = host(DIP)
    session = FakeSession(kernel, tmp_path / "run")
    words = ("director", "apply", "--allow-insecure-profile", str(DIRECTOR))
    assert run(words, session) == 0
    kernel.checking = on_host(tmp_path, server_of("192.168.1.2 80"), running=True)

    assert run(words, session) == 0


def test_a_profile_that_leaves_the_table_to_keepalived_is_applied(tmp_path: Path) -> None:
    kernel = host(DIP)
    kernel.checking = on_host(tmp_path, server_of("192.168.1.2 80"), running=True)
    path = leaving(tmp_path)

    code = run(
        ("director", "apply", "--allow-insecure-profile", str(path)),
        FakeSession(kernel, tmp_path / "run"),
    )

    assert code == 0
