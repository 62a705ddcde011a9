"""What others have set up is adopted as it is, and goes with the profile; or is left to others."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from fake import FakeSession, host
from lvsdr.model.foreign_program import CheckedService, Checker
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.objects import Address, Object
from lvsdr.model.other_attributes import AddressAttributes
from test_cli import Run, kernel_of

DIP = Address("eth0", ip_interface("192.168.1.10/24"), label="eth0")
VIP = Address("eth0", ip_interface("192.168.1.2/32"), label="eth0:0")
WEB = Service("tcp", VIP.ip.ip, 80)
TABLE = VirtualServer(WEB, "wlc")
RS1, RS2 = (RealServer(WEB, ip_address(f"192.168.1.{n}"), 80) for n in (11, 12))
ALL = (TABLE, RS1, RS2, VIP)
SECONDARY = AddressAttributes(flags=0x01)


def profile(folder: Path, **fields: object) -> str:
    servers = {"real_servers": [{"rip": str(each.rip)} for each in (RS1, RS2)]}
    document = {
        "role": "director",
        "name": "web",
        "interface": "eth0",
        "vips": [{"address": "192.168.1.2"}],
        "virtual_servers": [{"vip": "192.168.1.2", "protocol": "tcp", "port": 80, **servers}],
    }
    path = folder / "web.json"
    path.write_text(json.dumps({**document, **fields}))
    return str(path)


def having(folder: Path, *objects: Object) -> FakeSession:
    return FakeSession(host(DIP, *objects), folder / "run")


def there(session: FakeSession) -> set[Object]:
    return set(kernel_of(session).objects.values()) - {DIP}


def checker(program: str = "keepalived", *, running: bool = True) -> Checker:
    reals = frozenset((each.rip, 80) for each in (RS1, RS2))
    service = CheckedService("tcp", WEB.vip, WEB.vip, 80, 0, reals)
    return Checker(program, f"/etc/{program}.conf", (service,), running)


@pytest.fixture
def session(tmp_path: Path) -> FakeSession:
    return having(tmp_path, *ALL)


def test_what_is_right_is_not_written_and_is_said_to_be_adopted(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = profile(tmp_path)
    kernel_of(session).former = (checker("ldirectord", running=False),)

    plan = Run(capsys, session, "director", "plan", "--adopt", path)
    before = session.book().load()
    applied = Run(capsys, session, "director", "apply", "--adopt", path)
    again = Run(capsys, session, "director", "apply", "--adopt", path)

    said = [
        "nothing to change",
        "= virtual server tcp 192.168.1.2:80 (wlc) is adopted with 2 real servers of ldirectord"
        " (/etc/ldirectord.conf)",
        "= address 192.168.1.2/32 on eth0 as eth0:0 is adopted",
    ]
    assert (plan.code, plan.out.splitlines()) == (0, said)
    assert before.claims == {}
    assert (applied.code, applied.out.splitlines()) == (0, said[1:])
    assert (again.code, again.out) == (0, "nothing to change\n")
    assert kernel_of(session).sent == []


def test_what_was_adopted_goes_with_the_profile(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = profile(tmp_path)
    Run(capsys, session, "director", "apply", "--adopt", path)

    gone = Run(capsys, session, "director", "withdraw", path)

    assert gone.code == 0
    assert there(session) == set()


def test_without_it_what_was_there_before_stays(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The fault that adoption is for: after a move of the VIP both hosts would answer."""
    path = profile(tmp_path)
    Run(capsys, session, "director", "apply", path)

    Run(capsys, session, "director", "withdraw", path)

    assert there(session) == set(ALL)


def test_what_was_applied_first_can_be_adopted_later(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = profile(tmp_path)
    Run(capsys, session, "director", "apply", path)

    Run(capsys, session, "director", "apply", "--adopt", path)
    Run(capsys, session, "director", "withdraw", path)

    assert there(session) == set()


def test_an_adoption_that_fails_adopts_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    session = having(tmp_path, TABLE, RS1, VIP)
    kernel_of(session).refuse = [0]

    refused = Run(capsys, session, "director", "apply", "--adopt", profile(tmp_path))

    assert refused.code == 3
    assert session.book().load().baseline == {}
    assert there(session) == {TABLE, RS1, VIP}


# --- whom a checker has taken out ----------------------------------------------------------------


@pytest.mark.parametrize("health", [None, {}])
def test_whom_a_checker_has_taken_out_stays_out(
    health: object, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    idle = replace(RS1, weight=0)
    session = having(tmp_path, TABLE, idle, RS2, VIP)
    path = profile(tmp_path, health=health)

    applied = Run(capsys, session, "director", "apply", "--adopt", path)
    again = Run(capsys, session, "director", "apply", path)

    assert (applied.code, again.code) == (0, 0)
    assert there(session) == {TABLE, idle, RS2, VIP}
    why = "is down since" if health == {} else "is drained: weight 0 until"
    assert f"real server 192.168.1.11:80 of tcp 192.168.1.2:80 {why}" in applied.err


def test_who_is_not_in_the_table_is_put_in_by_a_check_if_there_is_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    session = having(tmp_path, TABLE, RS2, VIP)

    checked = Run(capsys, session, "director", "apply", "--adopt", profile(tmp_path, health={}))
    seen = there(session)
    Run(capsys, session, "director", "apply", profile(tmp_path))

    assert "it was not in the table" in checked.err
    assert seen == {TABLE, RS2, VIP}
    assert there(session) == set(ALL)


def test_where_nobody_serves_all_are_put_in(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    session = having(tmp_path, TABLE, replace(RS1, weight=0), VIP)

    Run(capsys, session, "director", "apply", "--adopt", profile(tmp_path, health={}))

    assert there(session) == set(ALL)


def test_whom_lvsdr_itself_has_left_without_weight_gets_that_of_the_profile(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = profile(tmp_path)
    document = json.loads(Path(path).read_text())
    document["virtual_servers"][0]["real_servers"][0]["weight"] = 0
    Path(path).write_text(json.dumps(document))
    Run(capsys, session, "director", "apply", path)

    Run(capsys, session, "director", "apply", "--adopt", profile(tmp_path, health={}))

    assert there(session) == set(ALL)


# --- VIPs with a wider prefix --------------------------------------------------------------------


@pytest.mark.parametrize(("attributes", "goes"), [(SECONDARY, True), (AddressAttributes(), False)])
def test_a_vip_with_a_wider_prefix_goes_once_the_host_address_is_there(
    attributes: AddressAttributes,
    goes: bool,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """A primary one would take the other addresses of its subnet with it."""
    wide = Address("eth0", ip_interface("192.168.1.2/24"), label="eth0:0", attributes=attributes)
    session = having(tmp_path, TABLE, RS1, RS2, wide)

    applied = Run(capsys, session, "director", "apply", "--adopt", profile(tmp_path))

    expected = ["+ 192.168.1.2/32 on eth0 as eth0:0"]
    expected += ["- 192.168.1.2/24 on eth0 as eth0:0"] * goes
    assert applied.out.splitlines()[: len(expected)] == expected
    assert (wide in there(session)) is not goes


# --- who still has it ----------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["keepalived", "ldirectord"])
def test_it_is_refused_while_the_program_runs_that_would_take_it_away(
    program: str, session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kernel_of(session).checking = (checker(program),)
    path = profile(tmp_path)

    plan = Run(capsys, session, "director", "plan", "--adopt", path)
    applied = Run(capsys, session, "director", "apply", "--adopt", path)

    why = (
        f"cannot adopt virtual server tcp 192.168.1.2:80: {program} has it"
        f" (/etc/{program}.conf), and takes it away when it stops"
    )
    assert (plan.code, applied.code) == (0, 6)
    assert f"apply --adopt will refuse: {why}" in " ".join(plan.err.split())
    assert why in " ".join(applied.err.split())
    assert "TAKING OVER" in applied.err
    assert session.book().load().claims == {}


def test_it_is_refused_where_the_program_would_be_back_at_the_next_boot(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kernel_of(session).checking = (checker(running=False),)

    applied = Run(capsys, session, "director", "apply", "--adopt", profile(tmp_path))

    assert applied.code == 6
    assert "at the next boot" in applied.err
    assert "hint: systemctl disable keepalived" in applied.err


def test_a_standby_adopts_nothing(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    both = ("--adopt", "--standby")

    assert Run(capsys, session, "director", "apply", *both, profile(tmp_path)).code == 2


# --- the way out ---------------------------------------------------------------------------------


def test_what_is_left_stays_and_is_forgotten(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = profile(tmp_path, timeouts={"tcp": 600})
    Run(capsys, session, "director", "apply", "--adopt", path)

    left = Run(capsys, session, "director", "withdraw", "--leave", path)

    assert left.code == 0
    assert "= virtual server tcp 192.168.1.2:80 (wlc) is left" in left.out
    assert there(session) >= set(ALL)
    assert session.book().load().claims == {}
    assert "600" not in str(there(session))


def test_a_profile_is_left_by_its_name_too(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = profile(tmp_path)
    Run(capsys, session, "director", "apply", "--adopt", path)
    Path(path).unlink()

    left = Run(capsys, session, "director", "withdraw", "--leave", "--name", "web")

    assert left.code == 0
    assert there(session) == set(ALL)


def test_nothing_is_left_of_what_was_never_applied(
    session: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    left = Run(capsys, session, "director", "withdraw", "--leave", profile(tmp_path))

    assert (left.code, left.out) == (0, "nothing to change\n")
    assert there(session) == set(ALL)
