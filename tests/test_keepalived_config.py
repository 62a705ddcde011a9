"""What `lvsdr keepalived config` prints: what keepalived takes, and finds nothing wrong with."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake import FakeSession, host
from fuzz.profiles import directors, times
from judging import DIRECTOR
from lvsdr.cli.main import run
from lvsdr.formats.keepalived.conf_syntax import Block, lines_of, parsed
from lvsdr.formats.keepalived.track_files import track_file_name
from lvsdr.model.ipvs import RealServer, Service
from test_keepalived_conf import multicasts, needs_keepalived

Document = dict[str, Any]
RS1, RS2 = {"rip": "192.168.1.11"}, {"rip": "192.168.1.12"}
LINK = next((path.name for path in Path("/sys/class/net").iterdir() if multicasts(path)), "eth0")


def service(**fields: Any) -> Document:
    web = {"vip": "192.168.1.2", "protocol": "tcp", "port": 80, "real_servers": [RS1, RS2]}
    return {**web, **fields}


def document(*services: Document, **fields: Any) -> Document:
    return {
        "role": "director",
        "interface": LINK,
        "vips": [{"address": "192.168.1.2"}],
        "virtual_servers": list(services or [service()]),
        "table_owner": "keepalived",
        **fields,
    }


def ran(folder: Path, *words: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(("keepalived", *words), FakeSession(host(), folder / "run"))
    return code, out.getvalue(), err.getvalue()


def config(folder: Path, data: Document, *words: str) -> tuple[int, str, str]:
    path = folder / "web.json"
    path.write_text(json.dumps(data))
    return ran(folder, "config", "--allow-insecure-profile", "--director", str(path), *words)


def servers(folder: Path, data: Document, *words: str) -> str:
    code, text, said = config(folder, data, "--virtual-servers", *words)
    assert code == 0, said
    return text


def errors(folder: Path, text: str) -> list[str]:
    """Return what keepalived and lvsdr have against a configuration, but for where programs are."""
    path = folder / "keepalived.conf"
    path.write_text(text)
    _, out, _ = ran(folder, "check", "--format", "json", str(path))
    found = json.loads(out)["findings"]
    own = {"KEEPALIVED-SCRIPT-PATH"}
    return [
        each["message"]
        for each in found
        if each["rule"] not in own
        and (each["severity"] == "error" or each["rule"] == "KEEPALIVED-SYNTAX")
    ]


def words_in(block: Block, *names: str) -> list[str]:
    return [" ".join(each.words) for each in block.all(*names)]


# Every combination.

LINKS = sorted(path.name for path in Path("/sys/class/net").iterdir() if multicasts(path))
OTHER = [name for name in LINKS if name != LINK][:1]


GUE = {"forwarding_method": "tunnel", "tunnel_type": "gue", "tunnel_port": 6080}
HTTP = {"path": "/a!b?c=$d", "status": "200,301-308", "contains": "a+b"}
# Of one VIP, a port each.
RICH: list[Document] = [
    {"port": 1, "scheduler": "sh", "scheduler_flags": ["sh-port", "sh-fallback"], "health": {}},
    {"port": 2, "persistence": 300, "persistence_prefix": 24, "health": {"action": "remove"}},
    {"port": 3, "protocol": "udp", "one_packet": True, "health": {"interval": 0.1, "timeout": 0.1}},
    {"port": 4, "protocol": "udp", "persistence": 9, "persistence_engine": "sip"},
    {"port": 5, "sorry_server": {"rip": "fd00::99", **GUE}, "health": {"check": {"http": HTTP}}},
    {"port": 6, "health": {"check": {"command": ["/bin/true", "-x"]}, "timeout": 0.001}},
    {
        "port": 7,
        "protocol": "udp",
        "health": {"check": {"udp": {"send": "ff" * 480 + "00", "expect": "ab" * 480}}},
    },
    {"port": 8, "health": {"interval": 3600, "timeout": 3600, "fall": 1000, "rise": 1000}},
    {"port": 9, "sorry_server": {"rip": "10.8.0.9", "weight": 7}, "health": None},
    {"port": 10, "protocol": "sctp", "health": {"fall": 1}},
]


@st.composite
def profiles(draw: st.DrawFn) -> Document:
    """Return a profile that has nothing of which keepalived has no words, as a rule."""
    made = draw(directors())
    made |= {"interface": LINK, "name": "web", "table_owner": "keepalived"}
    made["vips_owner"] = draw(st.sampled_from(["lvsdr", "keepalived"]))
    for vip in made["vips"]:
        vip.pop("label", None)
    for each in made["virtual_servers"]:
        six = ":" in each.get("vip", "")
        each["real_servers"] = each["real_servers"] or [{"rip": "fd00::7" if six else "10.9.9.9"}]
        each["real_servers"][0].pop("weight", None)
    rich = draw(st.lists(st.sampled_from(RICH), max_size=4, unique_by=lambda each: each["port"]))
    methods = [{}, {"forwarding_method": "masquerade", "port": 99}, GUE, {"upper_threshold": 9}]
    for each in rich:
        servers = [{"rip": f"10.8.0.{n}", **draw(st.sampled_from(methods))} for n in (1, 2)]
        made["virtual_servers"].append(
            {"vip": "10.7.0.1", "protocol": "tcp", "real_servers": servers, **each}
        )
    made["vips"] += [{"address": "10.7.0.1"}] if rich else []
    return made


@st.composite
def options(draw: st.DrawFn, data: Document, folder: Path) -> list[str]:
    """Return options that go together, for a profile."""
    families = {6 if ":" in each["address"] else 4 for each in data["vips"]} or {6}
    theirs, coin = data["vips_owner"] == "keepalived", st.booleans()
    grouped = draw(coin) and (len(families) == 2 or bool(OTHER))
    old = families == {4} and draw(coin)
    words = ["--vrrp-version", "2" if old else "3", *(["--nopreempt"] if draw(coin) else [])]
    words += ["--advertise", draw(st.sampled_from(["1", "40"] if old else ["0.1", "2.5"]))]
    if grouped:
        words += ["--sync-group", "G", *(["--sync-link", *OTHER] if OTHER else [])]
    elif draw(coin):
        own, *others = ["192.0.2.1", "192.0.2.2"] if 4 in families else ["fd01::1", "fd01::2"]
        words += ["--unicast-source", own, "--unicast-peer", *others]
    if old and draw(coin):
        (folder / "password").write_text("a.b-c/1\nnot this\n")
        words += ["--auth-file", str(folder / "password")]
    if theirs and draw(coin):
        words += ["--garp-repeat", "3", "--garp-refresh", "60"]
    if draw(coin):
        words += ["--fifo", str(folder / "fifo")]
    if draw(st.integers(0, 3)):
        words += ["--virtual-servers"]
        checked = data.get("health") is not None and data["virtual_servers"]
        words += ["--track-files", str(folder / "track")] if checked and draw(coin) else []
    return words


def test_whatever_is_printed_has_no_fault() -> None:
    needs_keepalived()
    codes: list[int] = []

    @times(60, 4000)
    @given(st.data())
    def one(data: st.DataObject) -> None:
        with TemporaryDirectory() as name:
            folder = Path(name)
            made = data.draw(profiles())
            code, text, said = config(folder, made, *data.draw(options(made, folder)))
            codes.append(code)

            if code:
                assert (code, text) == (2, ""), said
                assert "hint: " in said
            else:
                assert errors(folder, text) == []

    one()
    # Else it would say little.
    assert codes.count(0) > len(codes) * 2 / 3


GOOD: list[tuple[Document, list[str]]] = [
    (document(), []),
    (document(), ["--virtual-servers"]),
    (document(health={}), ["--virtual-servers", "--track-files", "TMP"]),
    (document(health={"fall": 1}), ["--virtual-servers", "--fifo", "/run/lvsdr/fifo"]),
    (document(), ["--vrrp-version", "2", "--advertise", "2"]),
    (document(), ["--nopreempt", "--unicast-source", "10.0.0.1", "--unicast-peer", "10.0.0.2"]),
    (document(vips_owner="keepalived"), ["--garp-repeat", "3", "--garp-refresh", "60"]),
    (
        document(vips=[{"address": "192.168.1.2"}, {"address": "fd00::2"}]),
        ["--sync-group", "BOTH"],
    ),
    (
        document(
            vips=[{"address": "192.168.1.2"}, {"address": "fd00::2"}], vips_owner="keepalived"
        ),
        ["--sync-group", "BOTH", "--virtual-servers"],
    ),
]


@pytest.mark.parametrize(("data", "words"), GOOD)
def test_what_a_pair_needs_is_printed_without_fault(
    tmp_path: Path, data: Document, words: list[str]
) -> None:
    needs_keepalived()

    # From 2.3 on the folder of track files has to be there.
    code, text, said = config(
        tmp_path, data, *(each.replace("TMP", str(tmp_path)) for each in words)
    )

    assert (code, said) == (0, "")
    assert errors(tmp_path, text) == []


MANY_FOUR = [{"address": f"10.1.{number // 250}.{number % 250 + 1}"} for number in range(300)]
MANY_SIX = [{"address": f"fd00::{number:x}"} for number in range(1, 202)]


@pytest.mark.parametrize("vips", [MANY_FOUR, MANY_SIX, MANY_FOUR + MANY_SIX], ids=["4", "6", "46"])
@pytest.mark.parametrize("words", [[], ["--sync-group", "ALL", "--sync-link", "lvsdr9"]])
def test_vips_that_no_advert_holds_go_along_unsaid(
    tmp_path: Path, vips: list[Document], words: list[str]
) -> None:
    """keepalived -t has something against more than 255, and than 89 of IPv6 at an MTU of 1500."""
    needs_keepalived()

    data = document(vips=vips, vips_owner="keepalived", virtual_servers=[])
    code, text, said = config(tmp_path, data, *words)

    assert (code, said) == (0, "")
    found = [each for each in errors(tmp_path, text) if not words or "VIPs" in each]
    assert found == []
    instances = [*parsed(lines_of(text)).all("vrrp_instance")]
    held = [
        ip_address(each.name.partition("/")[0])
        for instance in instances
        for part in instance.all("virtual_ipaddress", "virtual_ipaddress_excluded")
        for each in part.inner
    ]
    held = [each for each in held if not (each.is_link_local or each.is_loopback)]
    assert sorted(map(str, held)) == sorted(each["address"] for each in vips)
    # Without the link's own address, which comes first.
    (told, *_) = instances[0].all("virtual_ipaddress")
    assert len(told.inner) == (255 if vips is not MANY_SIX else 75)


@pytest.mark.parametrize("advertise", ["0.333", "0.015", "1.005", "39.999"])
def test_a_time_between_two_hundredths_is_refused(tmp_path: Path, advertise: str) -> None:
    code, text, said = config(tmp_path, document(), "--advertise", advertise)

    assert (code, text) == (2, "")
    assert "counts hundredths of a second" in said
    hint = said.partition("hint: ")[2].split()
    assert config(tmp_path, document(), *hint)[0] == 0


@pytest.mark.parametrize("advertise", ["0.01", "0.07", "0.29", "0.57", "1.1", "4.35", "40"])
def test_every_hundredth_is_taken(tmp_path: Path, advertise: str) -> None:
    needs_keepalived()

    code, text, said = config(tmp_path, document(), "--advertise", advertise)

    assert (code, said) == (0, "")
    assert errors(tmp_path, text) == []


def test_a_hook_is_written_without_links_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """keepalived 2.3 never runs what is behind one, and says so in one line of its log."""
    (tmp_path / "lvsdr-0.2").mkdir()
    (tmp_path / "lvsdr").symlink_to("lvsdr-0.2")
    (tmp_path / "lvsdr-0.2" / "newest").write_text("#!/bin/sh\n")
    (tmp_path / "lvsdr-0.2" / "newest").chmod(0o755)
    (tmp_path / "lvsdr-0.2" / "lvsdr").symlink_to("newest")
    monkeypatch.setenv("PATH", f"{tmp_path}/lvsdr")

    _, text, _ = config(tmp_path, document())

    instance = parsed(lines_of(text)).first("vrrp_instance")
    assert instance is not None
    (hook,) = instance.all("notify")
    assert hook.value.split()[0] == f"{tmp_path}/lvsdr-0.2/lvsdr"


@pytest.mark.parametrize("own", [True, False])
def test_a_check_is_written_without_links_in_its_folder(tmp_path: Path, own: bool) -> None:
    (tmp_path / "usr").mkdir()
    (tmp_path / "bin").symlink_to("usr")
    health = {"check": {"command": [f"{tmp_path}/bin/check", "bin/x"]}}
    data = document(service(health=health)) if own else document(health=health)

    text = servers(tmp_path, data)

    asked = [
        word for each in real_servers(text) for it in each.inner for word in [it.first("misc_path")]
    ]
    assert [each.value.split()[:2] for each in filter(None, asked)] == [
        [f"{tmp_path}/usr/check", "bin/x"]
    ] * 2


BAD: list[tuple[Document, list[str], str]] = [
    (document(table_owner="lvsdr"), ["--virtual-servers"], "its table is lvsdr's"),
    (document(), ["--virtual-servers", "--track-files", "/t"], "it has no health"),
    (document(health={}), ["--track-files", "/t"], "they are for virtual servers"),
    (document(service(real_servers=[])), ["--virtual-servers"], "it has no real servers"),
    (document(service(scheduler="my")), ["--virtual-servers"], "does not know the scheduler my"),
    (
        document(service(real_servers=[{**RS1, "weight": 0}])),
        ["--virtual-servers"],
        "each of its real servers has weight 0",
    ),
    (
        document(health={"check": {"command": ["/bin/true", "a b"]}}),
        ["--virtual-servers"],
        "it has blanks",
    ),
    (
        document(service(protocol="udp"), health={"check": {"udp": {"send": "00ff"}}}),
        ["--virtual-servers"],
        "no payload that ends in ff",
    ),
    (
        document(service(protocol="udp"), health={"check": {"udp": {"send": "00" * 900}}}),
        ["--virtual-servers"],
        "it takes 1000 bytes of a line",
    ),
    (document(), ["--vrrp-version", "2", "--advertise", "0.5"], "counts whole seconds"),
    (document(vips=[{"address": "fd00::2"}], virtual_servers=[]), ["--vrrp-version", "2"], "IPv6"),
    (document(), ["--sync-group", "G"], "a sync group of one instance"),
    (document(), ["--sync-link", "eth1"], "--sync-link is for a sync group"),
    (document(), ["--sync-group", "G", "--sync-link", LINK], "twice"),
    (document(), ["--sync-group", "G}", "--sync-link", "eth1"], "cannot write the name 'G}'"),
    (document(), ["--unicast-peer", "10.0.0.2"], "unicast takes an address of this director"),
    (
        document(),
        ["--unicast-source", "fd00::1", "--unicast-peer", "fd00::2"],
        "fd00::1 is IPv6, and the instance speaks over IPv4",
    ),
    (
        document(),
        ["--unicast-source", "10.0.0.1", "--unicast-peer", "10.0.0.1"],
        "this director's own",
    ),
    (
        document(),
        ["--unicast-source", "192.168.1.2", "--unicast-peer", "10.0.0.1"],
        "192.168.1.2 is a VIP",
    ),
    (document(), ["--garp-repeat", "3"], "the VIPs are lvsdr's"),
]


@pytest.mark.parametrize(("data", "words", "why"), BAD)
def test_what_keepalived_has_no_words_for_is_refused_with_a_remedy(
    tmp_path: Path, data: Document, words: list[str], why: str
) -> None:
    code, text, said = config(tmp_path, data, *words)

    assert (code, text) == (2, "")
    assert why in said
    assert "hint: " in said


@pytest.mark.parametrize(
    ("password", "version", "why"),
    [
        ("secret", "3", "VRRP version 3 has no authentication"),
        ("secretsecret", "2", "the password is not 1 to 8 characters"),
        ("a#b", "2", "the password is not"),
        ("", "2", "the password is not"),
        ("é", "2", "the password is not"),
    ],
)
def test_a_password_that_keepalived_would_cut_or_pass_over_is_refused(
    tmp_path: Path, password: str, version: str, why: str
) -> None:
    file = tmp_path / "password"
    file.write_text(f"{password}\n")

    words = ("--auth-file", str(file), "--vrrp-version", version)
    code, text, said = config(tmp_path, document(), *words)

    assert (code, text) == (2, "")
    assert why in said
    assert not password or password not in said


def test_a_password_is_read_from_a_file(tmp_path: Path) -> None:
    """On a command line every user of the host would see it."""
    file = tmp_path / "password"
    file.write_text("secret\n# a comment\n")

    _, text, _ = config(tmp_path, document(), "--auth-file", str(file), "--vrrp-version", "2")

    instance = parsed(lines_of(text)).first("vrrp_instance")
    assert instance is not None
    assert words_in(next(instance.all("authentication")), "auth_type", "auth_pass") == [
        "auth_type PASS",
        "auth_pass secret",
    ]


def test_instances_of_a_group_have_one_hook_and_each_its_link(tmp_path: Path) -> None:
    both = document(vips=[{"address": "192.168.1.2"}, {"address": "fd00::2"}])

    _, text, _ = config(tmp_path, both, "--sync-group", "G", "--sync-link", "eth7")

    root = parsed(lines_of(text))
    assert [each.value for each in root.all("vrrp_instance")] == ["VI_1", "VI_1-6", "VI_1-link1"]
    links = [words_in(each, "interface") for each in root.all("vrrp_instance")]
    assert links == [[f"interface {LINK}"], [f"interface {LINK}"], ["interface eth7"]]
    (group,) = root.all("vrrp_sync_group")
    assert words_in(next(group.all("group")), "VI_1", "VI_1-6", "VI_1-link1") == [
        "VI_1",
        "VI_1-6",
        "VI_1-link1",
    ]
    assert text.count('notify "') == len(words_in(group, "notify")) == 1


# The program that the hook names.


def hook(text: str) -> list[str]:
    instance = parsed(lines_of(text)).first("vrrp_instance")
    assert instance is not None
    return next(instance.all("notify")).value.split()


def test_the_hook_names_the_installed_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "lvsdr"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    _, text, _ = config(tmp_path, document())

    assert hook(text)[0] == str(program)
    assert "#" not in text


@pytest.mark.parametrize("there", ["a program", "a folder", ""])
def test_the_hook_names_no_program_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    """It named /usr/local/bin/lvsdr, whether or not there was one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "bin" / "lvsdr"
    monkeypatch.setattr(sys, "argv", [str(program)])
    program.parent.mkdir()
    if there == "a folder":
        program.mkdir()
    elif there:
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)

    _, text, _ = config(tmp_path, document())

    assert shutil.which("lvsdr") is None
    own = [sys.executable, "-I", "-m", "lvsdr"]
    found = there == "a program"
    assert hook(text)[: 1 if found else 4] == ([str(program)] if found else own)
    assert text.startswith("# There is no program lvsdr on PATH") is not found


def test_6_without_any_program_there_is_no_hook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["pytest"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    code, text, said = config(tmp_path, document())

    assert (code, text) == (6, "")
    assert "no program lvsdr is on PATH" in said


# The virtual servers.


def real_servers(text: str) -> Iterator[Block]:
    for each in parsed(lines_of(text)).all("virtual_server"):
        yield from each.all("real_server")


def test_a_dead_service_does_not_hold_for_a_minute(tmp_path: Path) -> None:
    """keepalived's own delay_loop is 60 s."""
    for data in (document(), document(health={}), document(health={"interval": 2.5})):
        (server,) = parsed(lines_of(servers(tmp_path, data))).all("virtual_server")
        interval = data.get("health", {}).get("interval", 1)
        assert words_in(server, "delay_loop") == [f"delay_loop {interval:g}"]


CHECKS: list[tuple[Document, str, list[str]]] = [
    (service(), "TCP_CHECK", ["connect_timeout 0.25", "retry 2", "delay_before_retry 1"]),
    (service(protocol="udp"), "UDP_CHECK", ["connect_timeout 0.25"]),
    (service(health={"check": {"http": {}}}), "HTTP_GET", ["connect_timeout 0.25", "retry 2"]),
    (
        service(health={"check": {"command": ["/opt/check", "-x"]}}),
        "MISC_CHECK",
        ["misc_path /opt/check -x 192.168.1.2 80 192.168.1.11", "misc_timeout 1", "retry 2"],
    ),
    (
        service(protocol="udp", health={"check": {"udp": {"send": "00", "expect": "0a0b"}}}),
        "UDP_CHECK",
        ["payload 00", "require_reply 0a0b", "min_reply_length 2"],
    ),
    (
        {"fwmark": 7, "real_servers": [RS1], "probe_port": 8080},
        "TCP_CHECK",
        ["connect_port 8080", "connect_timeout 0.25"],
    ),
]


@pytest.mark.parametrize(("data", "name", "lines"), CHECKS)
def test_a_check_is_the_usual_one_of_its_health(
    tmp_path: Path, data: Document, name: str, lines: list[str]
) -> None:
    health = {"interval": 2, "timeout": 0.25, "fall": 3}

    text = servers(tmp_path, document(data, health=health))

    for each in real_servers(text):
        (check,) = (it for it in each.inner if it.inner)
        told = [" ".join(it.words) for it in check.inner]
        wanted = [line.replace("192.168.1.11", each.words[1]) for line in lines]
        assert check.name == name
        assert [line for line in wanted if line not in told] == []


def test_a_request_is_asked_as_the_health_says(tmp_path: Path) -> None:
    http = {"path": "/a!b?c=$d", "status": "200,301-308", "host": "a.example", "contains": "ok 1"}

    text = servers(tmp_path, document(health={"check": {"http": http}}))

    check = next(next(real_servers(text)).all("HTTP_GET"))
    assert words_in(next(check.all("url")), "path", "status_code", "virtualhost", "regex") == [
        "path /a%21b?c=%24d",
        "status_code 200 301-308",
        "virtualhost a.example",
        "regex ok 1",
    ]


def test_null_for_the_health_is_no_check(tmp_path: Path) -> None:
    text = servers(tmp_path, document(service(health=None), health={}))

    assert not [each for server in real_servers(text) for each in server.inner if each.inner]
    assert "delay_loop" not in text


@pytest.mark.parametrize(("action", "kept"), [("weight", True), ("remove", False)])
def test_the_action_is_inhibit_on_failure(tmp_path: Path, action: str, kept: bool) -> None:
    text = servers(tmp_path, document(health={"action": action}))

    assert ("inhibit_on_failure" in text) is kept


def test_what_keepalived_cannot_say_is_told_in_comments(tmp_path: Path) -> None:
    http = {"http": {"contains": "a+b"}}
    sorry = {"rip": "192.168.1.99", "weight": 5}
    data = document(
        service(health={"check": http}), service(port=81, sorry_server=sorry), health={}
    )

    text = servers(tmp_path, data)

    assert "# contains: left out" in text
    assert text.count("# rise 2: keepalived takes a real server back") == 2
    # A service with a sorry server drops them whatever it says.
    assert text.count("# when_all_fail keep") == 1
    assert "# The sorry server has weight 1" in text


def test_what_a_table_can_hold_is_said(tmp_path: Path) -> None:
    needs_keepalived()
    tunnel = {"forwarding_method": "tunnel", "tunnel_type": "gue", "tunnel_port": 6080}
    one = service(
        scheduler="mh",
        scheduler_flags=["mh-port", "mh-fallback"],
        persistence=300,
        persistence_prefix=24,
        sorry_server={"rip": "fd00::99", **tunnel, "tunnel_checksum": "remcsum"},
        real_servers=[
            {**RS1, "upper_threshold": 9, "lower_threshold": 3},
            {**RS2, "forwarding_method": "masquerade", "port": 8080, "weight": 7},
        ],
    )
    sip = {"vip": "192.168.1.2", "protocol": "udp", "port": 5060, "real_servers": [RS1]}
    sip |= {"persistence": 9, "persistence_engine": "sip"}

    text = servers(tmp_path, document(one, sip, health={}))

    for line in (
        *("lvs_sched mh", "mh-port", "mh-fallback", "persistence_timeout 300"),
        *("persistence_granularity 255.255.255.0", "sorry_server fd00::99 80"),
        "sorry_server_lvs_method TUN type gue port 6080 remcsum",
        *("uthreshold 9", "lthreshold 3", "real_server 192.168.1.12 8080 {", "lvs_method NAT"),
        *("weight 7", "persistence_engine sip"),
    ):
        assert f"    {line}\n" in text
    assert errors(tmp_path, text) == []


# The files by which lvsdr says who serves.


def test_each_real_server_has_a_file_of_its_own(tmp_path: Path) -> None:
    nat = {**RS1, "forwarding_method": "masquerade"}
    web = service(real_servers=[nat, {**nat, "port": 8080}])
    unchecked = service(port=81, health=None)
    data = document(web, unchecked, health={})

    text = servers(tmp_path, data, "--track-files", str(tmp_path / "track"))

    names = ["tcp-192.168.1.2-80-192.168.1.11", "tcp-192.168.1.2-80-192.168.1.11-8080"]
    files = list(parsed(lines_of(text)).all("track_file"))
    assert [each.value for each in files] == names
    assert [words_in(each, "file", "weight", "init_file") for each in files] == [
        [f"file {tmp_path}/track/{name}", "weight 0", "init_file 0"] for name in names
    ]
    checks = [list(each.all("FILE_CHECK")) for each in real_servers(text)]
    told = [words_in(check, "track_file", "weight") for found in checks for check in found]
    assert told == [[f"track_file {name}", "weight 0"] for name in names]
    # Beside the usual ones.
    assert text.count("TCP_CHECK {") == 2


def test_the_name_of_a_file_is_safe_and_one_real_servers_alone() -> None:
    four, six = ip_address("192.168.1.2"), ip_address("fd00::2")
    services = [
        *(Service(protocol, four, port) for protocol in ("tcp", "udp") for port in (0, 80, 8080)),
        Service("tcp", six, 80, family="inet6"),
        *(Service("fwmark", fwmark=7, family=each) for each in ("inet", "inet6")),
    ]
    rips = [ip_address(each) for each in ("10.0.0.1", "10.0.0.18", "fd00::1", "fd00:0:1::")]
    every = [RealServer(each, rip, port) for each in services for rip in rips for port in (0, 80)]

    names = [track_file_name(each) for each in every]

    assert len(set(names)) == len(every)
    assert all(name.replace("-", "").replace("_", "").replace(".", "").isalnum() for name in names)


def test_the_shipped_profile_needs_no_virtual_servers(tmp_path: Path) -> None:
    needs_keepalived()
    data = {
        **json.loads(DIRECTOR.read_text()),
        "interface": LINK,
        "vips": [{"address": "10.1.1.1"}],
    }

    code, text, _ = config(tmp_path, {**data, "virtual_servers": []})

    assert code == 0
    assert errors(tmp_path, text) == []
