"""`lvsdr keepalived config --like FILE`: the adverts of a file that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake import FakeSession, host
from judging import changed, judged
from lvsdr.cli.main import run
from lvsdr.model.finding import ERROR
from pair_differences import DIFFERENCES, Difference, Side, text

OLD = """
global_defs {
    vrrp_version 3
    vrrp_garp_master_repeat 2
    notification_email {
        admin@example.com
    }
}
vrrp_instance VI_WEB {
    state MASTER
    interface eth0
    virtual_router_id 77
    priority 150
    advert_int 0.5
    nopreempt
    unicast_src_ip 192.168.1.1
    unicast_peer {
        192.168.1.3
    }
    virtual_ipaddress {
        192.168.1.9/24 dev eth0 label eth0:9
        192.168.1.2
    }
    track_script {
        chk
    }
    notify_master "/etc/keepalived/up.sh web"
}
"""


# Those of one kind once; but for the one whose peer is a third host.
SIDES = {each.one: each for each in DIFFERENCES if "192.168.1.77" not in each.one.lines}.values()


def printed(
    capsys: pytest.CaptureFixture[str], folder: Path, old: str, *words: str, **fields: object
) -> tuple[int, str, str]:
    file = folder / "old.conf"
    file.write_text(old)
    profile = changed(folder, **{"vips_owner": "keepalived", **fields})
    arguments = ("keepalived", "config", "--allow-insecure-profile", "--director", str(profile))
    code = run((*arguments, "--like", str(file), *words), FakeSession(host(), folder / "run"))
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("side", SIDES, ids=str)
def test_what_is_like_a_file_has_one_master_with_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, side: Difference
) -> None:
    same = Difference("", side.one, side.one, two_masters=False)
    # Unicast names the other one: each director has a file of its own.
    one, other = text(same, 100, 0), text(same, 100, 1, "192.168.1.3", "192.168.1.1")

    code, new, _ = printed(capsys, tmp_path, other)

    assert code == 0
    assert [each for each in judged(one, new) if each.severity == ERROR] == []


def test_what_adverts_say_is_kept_and_what_calls_programs_is_not(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, new, _ = printed(capsys, tmp_path, OLD)

    assert code == 0
    for line in OLD.splitlines()[8:23]:
        assert line in new
    assert "    vrrp_version 3\n    vrrp_garp_master_repeat 2\n" in new
    assert "# Left out of VI_WEB: track_script, notify_master\n" in new
    assert "up.sh" not in new
    assert "lvsdr keepalived notify --director" in new


def test_a_vip_that_no_advert_lists_goes_along_unsaid(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    old = OLD.replace("        192.168.1.2\n", "")

    _, new, _ = printed(capsys, tmp_path, old)

    assert "    virtual_ipaddress_excluded {\n        192.168.1.2/32 dev eth0\n" in new


def test_a_group_keeps_its_members_and_hears_for_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    group = "vrrp_sync_group G {\n    group {\n        VI_WEB\n    }\n    notify /old\n}\n"

    _, hooked, _ = printed(capsys, tmp_path, OLD + group)
    _, read_from_fifo, _ = printed(capsys, tmp_path, OLD + group, "--fifo", "/run/lvsdr.fifo")

    tail = hooked[hooked.index("vrrp_sync_group") :]
    assert "        VI_WEB\n" in tail
    assert tail.count("lvsdr keepalived notify") == hooked.count("lvsdr keepalived notify") == 1
    assert "/old" not in hooked
    assert "notify " not in read_from_fifo.replace("notify_fifo ", "")
    assert "# To hear of the group alone: lvsdr keepalived fifo --name G\n" in read_from_fifo


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("virtual_server 192.0.2.1 80 {\n}\n", {}, ()), "it has no vrrp_instance"),
        ((OLD, {"vips_owner": "lvsdr"}, ()), "both directors would be master"),
        ((OLD, {}, ("--router-id", "51")), "--router-id beside --like"),
        ((OLD, {}, ("--vrrp-version", "3")), "--vrrp-version beside --like"),
        ((OLD + "include old.conf\n", {}, ()), "cannot write one like"),
    ],
)
def test_what_would_make_two_masters_is_refused(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    given: tuple[str, dict[str, object], tuple[str, ...]],
    reason: str,
) -> None:
    old, fields, words = given

    code, out, err = printed(capsys, tmp_path, old, *words, **fields)

    assert (code, out) == (2, "")
    assert reason in err
    assert "hint: " in err


def test_what_keepalived_takes_for_itself_is_quoted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    old = text(
        Difference("", Side(password=("auth_type PASS", 'auth_pass "a#b!c"')), Side(), False), 9, 0
    )

    _, new, _ = printed(capsys, tmp_path, old)

    assert '        auth_pass "a#b!c"\n' in new
