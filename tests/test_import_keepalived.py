"""keepalived.conf as profiles: what can be said, and what is told of because it cannot.

That both make the same table is shown in the lab, by a real keepalived.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from fuzz.keepalived_files import mutated, one, seeds
from importing import Importer, Told

INSTANCE = """vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {{
        {vips}
    }}
}}
"""
SERVER = """virtual_server 192.0.2.5 80 {{
protocol TCP
lvs_method DR
{settings}
real_server 192.0.2.11 80 {{
{first}
}}
}}
"""


@pytest.fixture
def importer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Importer:
    return Importer(tmp_path, capsys)


def server(first: str = "", settings: str = "") -> str:
    """Return a file whose line 4 has settings, and line 6 what is in its real server."""
    return SERVER.format(first=first, settings=settings)


def checked(importer: Importer, checker: str, settings: str = "") -> tuple[Any, Told]:
    """Return the health that a checker becomes, and all that was told."""
    told = importer.told(server(checker, settings))
    return told.director.get("health"), told


# VIPs.


def test_a_vip_has_the_label_that_keepalived_gives_it(importer: Importer) -> None:
    vips = "192.0.2.5\n192.0.2.6 label eth0:1\n192.0.2.7 label eth0:web\n"
    vips += "}\nvirtual_ipaddress_excluded {\n2001:db8::5\n2001:db8::6\n"

    told = importer.told(INSTANCE.format(vips=vips))

    assert told.director["vips"] == [
        {"address": "192.0.2.5", "label": "eth0"},
        {"address": "192.0.2.6"},
        {"address": "192.0.2.7", "label": "eth0:web"},
        {"address": "2001:db8::5"},
        {"address": "2001:db8::6"},
    ]


def test_labels_that_cannot_be_are_left_out(importer: Importer) -> None:
    vips = "192.0.2.5 label eth0:2\n192.0.2.6 label eth0:2\n192.0.2.7 label web"

    told = importer.told(INSTANCE.format(vips=vips) + server().replace("192.0.2.5", "192.0.2.8"))

    labels = [each.get("label") for each in told.director["vips"]]
    assert labels == ["eth0:2", "eth0", "eth0", None]
    assert len([each for each in told.lost("warning") if "is that of another VIP" in each]) == 2


@pytest.mark.parametrize("name", ["all", "eth0/1", "a-name-that-is-too-long", "a%b", "é" * 8])
def test_a_link_that_no_host_has_is_not_taken_over(importer: Importer, name: str) -> None:
    conf = INSTANCE.format(vips="192.0.2.5").replace("interface eth0", f"interface {name}")

    told = importer.told(f"global_defs {{\nlvs_sync_daemon {name} VI_1\n}}\n{conf}")

    assert told.director["interface"] == "eth0"
    assert "sync_daemons" not in told.director
    assert any("no line says on which link" in each for each in told.lost("warning"))


def test_another_link_takes_the_labels_with_it(importer: Importer) -> None:
    conf = INSTANCE.format(vips="192.0.2.5 label eth0:web")

    told = importer.told(conf, "--interface", "bond0")

    assert told.director["interface"] == "bond0"
    assert told.director["vips"] == [{"address": "192.0.2.5", "label": "bond0:web"}]


def test_vips_of_another_link_are_left_out_with_their_services(importer: Importer) -> None:
    conf = INSTANCE.format(vips="192.0.2.5\n192.0.2.9 dev eth1")
    both = conf + server() + server().replace("192.0.2.5", "192.0.2.9")

    told, other = importer.told(both), importer.told(both, "--interface", "eth1")

    assert [each["vip"] for each in told.servers] == ["192.0.2.5"]
    assert [each["vip"] for each in other.servers] == ["192.0.2.9"]
    assert told.lost() == [
        "6: 192.0.2.9 is on eth1, and the profile holds VIPs on eth0: it is left out, with its"
        " services"
    ]
    assert told.code == other.code == 1


def test_where_no_line_says_the_link_that_is_told(importer: Importer) -> None:
    told = importer.told(server())
    said = importer.told(server(), "--interface", "ens18", "--rs-interface", "ens3")

    assert any("no line says on which link the VIPs are" in each for each in told.lost("warning"))
    assert said.lost("warning") == []
    assert said.director["interface"] == "ens18"
    assert said.profiles["realserver.json"]["interface"] == "ens3"


def test_timeouts_and_sync_daemons_are_those_of_the_instance(importer: Importer) -> None:
    conf = "global_defs {\nlvs_timeouts tcp 100 udp 30\nlvs_sync_daemon eth1 VI_1 ttl 3\n}\n"

    told = importer.told(conf + INSTANCE.format(vips="192.0.2.5"))

    assert told.director["timeouts"] == {"tcp": 100, "udp": 30}
    assert told.director["standby"] == "synced"
    assert told.director["sync_daemons"] == [
        {"state": state, "interface": "eth1", "syncid": 51, "ttl": 3}
        for state in ("master", "backup")
    ]


# Checks.


def test_without_checkers_nothing_is_checked(importer: Importer) -> None:
    health, told = checked(importer, "")

    assert health is None
    assert "health" not in told.servers[0]


@pytest.mark.parametrize(
    ("settings", "checker", "wanted"),
    [
        # delay_loop 60, connect_timeout 5, retry 1 after 1 s: out after 61 s at the latest.
        ("", "TCP_CHECK {\n}", {"interval": 40.666, "timeout": 5}),
        ("delay_loop 6", "TCP_CHECK {\nconnect_timeout 3\nretry 0\n}", {"interval": 6, "fall": 1}),
        ("delay_loop 6", "TCP_CHECK {\nretry 3\ndelay_before_retry 3\n}", {"interval": 6}),
        ("delay_loop 6\nretry 3", "TCP_CHECK {\n}", {"fall": 4, "interval": 3.6, "timeout": 3.6}),
        ("inhibit_on_failure", "TCP_CHECK {\n}", {"action": "weight"}),
        ("", "inhibit_on_failure\nTCP_CHECK {\n}", {"action": "weight"}),
        ("inhibit_on_failure", "inhibit_on_failure no\nTCP_CHECK {\n}", {"action": "remove"}),
        ("", "HTTP_GET {\nurl {\npath /x\n}\n}", {"http": {"path": "/x", "status": "200-299"}}),
        (
            "virtualhost www.example.org",
            "HTTP_GET {\nurl {\npath /\nstatus_code 200\nstatus_code 301-302\nregex pong\n}\n}",
            {"http": {"host": "www.example.org", "status": "200,301-302", "contains": "pong"}},
        ),
        (
            "virtualhost www.example.org",
            'HTTP_GET {\nvirtualhost 192.0.2.5\nurl {\npath "/a b#"\nstatus_code 200-399\n}\n}',
            {"http": {"path": "/a%20b%23"}},
        ),
        ("", "MISC_CHECK {\nmisc_path \"/bin/x 'a b' c\"\n}", {"command": ["/bin/x", "a b", "c"]}),
        (
            "",
            'MISC_CHECK {\nmisc_path "/bin/x 192.0.2.5 80 192.0.2.11"\nmisc_timeout 4\n}',
            {"command": ["/bin/x"], "timeout": 4, "fall": 1, "interval": 60},
        ),
        (
            "protocol UDP",
            "UDP_CHECK {\npayload Ab12f 3 456\nrequire_reply 4a\n}",
            {"udp": {"send": "ab120f034506", "expect": "4a"}},
        ),
        ("protocol UDP", "UDP_CHECK {\n}", {}),
    ],
)
def test_a_checker_becomes_health(
    importer: Importer, settings: str, checker: str, wanted: dict[str, Any]
) -> None:
    health, told = checked(importer, checker, settings)
    kinds = {name: wanted[name] for name in ("http", "udp", "command") if name in wanted}

    assert told.lost() == []
    assert health["rise"] == 1
    assert health["when_all_fail"] == "drop"
    assert health.get("check", "path") == (kinds or "path")
    assert {"fall": 2} | health | wanted == {"fall": 2} | health | kinds


def test_a_checker_of_two_names_and_an_own_health(importer: Importer) -> None:
    checker = "TCP_CHECK {\nretry 0\n}"
    other = server("TCP_CHECK {\nretry 5\n}").replace("192.0.2.5 80", "192.0.2.5 81")
    unchecked = server().replace("192.0.2.5 80", "192.0.2.5 82")

    told = importer.told(server(checker) * 2 + other + unchecked)

    assert told.director["health"]["fall"] == 1
    first, second, third = told.servers
    assert "health" not in first
    assert second["health"]["fall"] == 6
    assert third["health"] is None


def test_a_mark_is_probed_where_its_checker_asks(importer: Importer) -> None:
    conf = INSTANCE.format(vips="192.0.2.5") + server("TCP_CHECK {\nconnect_port 8080\n}").replace(
        "virtual_server 192.0.2.5 80", "virtual_server fwmark 7"
    )

    told = importer.told(conf)

    assert told.lost() == []
    assert (told.servers[0]["fwmark"], told.servers[0]["probe_port"]) == (7, 8080)


# What is lost.

CANNOT_BE_CHECKED = {
    "SSL_GET {\nurl {\npath /\n}\n}": "6: SSL_GET: no check asks by TLS",
    "SMTP_CHECK {\n}": "6: SMTP_CHECK: no check speaks SMTP",
    "PING_CHECK {\n}": "6: PING_CHECK: no check pings",
    "BFD_CHECK {\nname x\n}": "6: BFD_CHECK: no check asks BFD",
    "FILE_CHECK {\ntrack_file x\n}": "6: FILE_CHECK: no check reads a file",
    "UDP_CHECK {\n}": "6: UDP_CHECK asks by UDP, and the service is of TCP",
    "DNS_CHECK {\nname a..b\n}": "6: DNS_CHECK: a..b cannot be asked for",
    "TCP_CHECK {\nconnect_port 81\n}": "6: TCP_CHECK asks at port 81",
    "TCP_CHECK {\nconnect_ip 192.0.2.99\n}": "6: connect_ip: lvsdr asks the real server itself",
    "MISC_CHECK {\nmisc_path x\n}": "6: misc_path x is no program by its whole path",
    'MISC_CHECK {\nmisc_path "/x"\nmisc_dynamic\n}': "8: misc_dynamic: what the program says",
    "HTTP_GET {\nurl {\npath /\ndigest 0\n}\n}": "9: digest: the answer is not compared",
    "HTTP_GET {\nurl {\npath /\nregex a.*b\n}\n}": "7: regex a.*b: only plain text",
    "HTTP_GET {\nurl {\npath /\n}\nurl {\npath /b\n}\n}": "10: a second url: one is asked for",
    "TCP_CHECK {\n}\nHTTP_GET {\nurl {\npath /\n}\nconnect_port 81\n}": "8: HTTP_GET asks at port",
}


@pytest.mark.parametrize("checker", CANNOT_BE_CHECKED)
def test_a_check_that_no_profile_can_say_is_an_error(importer: Importer, checker: str) -> None:
    health, told = checked(importer, checker)

    assert health is not None
    assert [each for each in told.lost() if each.startswith(CANNOT_BE_CHECKED[checker])]
    assert told.code == 1


def test_real_servers_that_are_checked_in_different_ways_are_told_of(importer: Importer) -> None:
    others = "}\nreal_server 192.0.2.12 80 {\nHTTP_GET {\nurl {\npath /\n}\n}\n"
    others += "}\nreal_server 192.0.2.13 80 {\n}\nreal_server 192.0.2.14 80 {\n"
    others += "TCP_CHECK {\nretry 4\n}"

    _, told = checked(importer, f"TCP_CHECK {{\n}}\n{others}")

    assert [each[:45] for each in told.lost()] == [
        "10: this real server is checked in another wa",
        "16: this real server has no checker; here it ",
    ]
    assert any("19: this real server is asked at other times" in x for x in told.lost("warning"))


ERRORS = {
    "sorry_server 127.0.0.1 80": "4: 127.0.0.1 is this host or a VIP",
    "sorry_server 192.0.2.11 80": "4: the sorry server 192.0.2.11 is one of the real servers",
    "sorry_server 192.0.2.99 80\nquorum 2\nweight 3": "5: quorum 2: here a service is up",
    "sorry_server 192.0.2.99 80\nweight 0": "1: each real server has weight 0",
    "persistence_timeout 9\npersistence_granularity 24": "5: persistence_granularity 0.0.0.24",
    "persistence_timeout 9\npersistence_engine sip": "1: persistence_engine sip is not",
    "protocol UDP\npersistence_timeout 9\nops": "1: ops with persistence",
    "foo {\nbar 1\n}": "4: foo is no block that belongs here",
    "lvs_sched": "4: nothing stands behind lvs_sched: keepalived does not start with that",
}


@pytest.mark.parametrize("settings", ERRORS)
def test_what_clients_would_see_is_an_error(importer: Importer, settings: str) -> None:
    told = importer.told(server(settings=settings))

    assert [each for each in told.lost() if each.startswith(ERRORS[settings])]
    assert told.code == 1


WARNINGS = {
    "alpha": "4: alpha: real servers were out until a check passed",
    "omega": "4: omega: ",
    "quorum_up /bin/true": "4: quorum_up: this program is not called",
    "ha_suspend": "4: ha_suspend: ",
    "smtp_alert": "4: smtp_alert: it sends no mail",
    "lvs_sched WRR": "4: keepalived knows no scheduler WRR, and goes on with wlc",
    "mh-port": "4: mh-port is for mh, which is not the scheduler up to this line",
    "lvs_method dr": "4: dr is no forwarding method",
    "persistence_timeout 0": "4: persistence_timeout 0 is not 1 to 2678400",
    "delay_loop 10s": "4: delay_loop 10s is no number that keepalived takes",
    "no_such_word 1": "4: no_such_word means nothing here",
    "quorum 2\nweight 3": "4: quorum 2: here a service is up",
    "lvs_sched rr\nflag-3": "1: a flag that rr does not know is left out",
    "sorry_server 192.0.2.99\nsorry_server_inhibit": "5: sorry_server_inhibit: ",
}


@pytest.mark.parametrize("settings", WARNINGS)
def test_what_bites_later_is_a_warning(importer: Importer, settings: str) -> None:
    told = importer.told(server(settings=settings))

    assert [each for each in told.lost("warning") if each.startswith(WARNINGS[settings])]
    assert told.lost() == []
    assert told.code == 0


def test_lines_that_say_the_same_are_told_of_once(importer: Importer) -> None:
    others = "".join(server().replace("80", str(port)) for port in range(81, 91))

    told = importer.told((server() + others).replace("lvs_method DR", "lvs_method DR\nalpha"))

    (alpha,) = [each for each in told.lost("warning") if "alpha" in each]
    assert alpha.endswith(f"(so do 10 more lines, the last {importer.folder}/keepalived.conf:94)")


def test_what_is_wrong_with_the_file_is_told_as_keepalived_check_tells_it(
    importer: Importer,
) -> None:
    twice = INSTANCE.format(vips="192.0.2.5") + INSTANCE.format(vips="192.0.2.6").replace(
        "VI_1", "VI_2"
    )

    told = importer.told(twice + "include nowhere.conf\n")

    rules = [each["rule"] for each in told.said["findings"]]
    assert {"KEEPALIVED-ROUTER-ID", "KEEPALIVED-INCLUDE"} <= set(rules)


def test_a_group_of_millions_is_refused_with_its_line(importer: Importer) -> None:
    conf = "virtual_server_group G {\n10.0.0.0/8 80\n}\n" + server().replace(
        "192.0.2.5 80", "group G"
    )

    code, printed, said = importer.run("keepalived", importer.file(conf))

    assert (code, printed) == (2, "")
    assert f"{importer.folder}/keepalived.conf:2: the group G stands for more than 65536" in said


def test_what_keepalived_ignores_has_no_vip(importer: Importer) -> None:
    mixed = "virtual_server_group G {\n192.0.2.6 80\n2001:db8::6 80\n}\n"
    ignored = server().replace("192.0.2.5 80", "group G")

    told = importer.told(server() + mixed + ignored)

    assert told.director["vips"] == [{"address": "192.0.2.5"}]
    assert any("its group has IPv4 and IPv6 addresses" in each for each in told.lost("warning"))


def test_lines_of_another_host_are_read_as_that_one(importer: Importer) -> None:
    conf = server("@lb1 weight 3\n@lb2 weight 5")

    weights = [
        importer.told(conf, "--host", name).servers[0]["real_servers"][0].get("weight")
        for name in ("lb1", "lb2", "lb3")
    ]

    assert weights == [3, 5, None]


def test_several_files_are_one_configuration(importer: Importer) -> None:
    first = importer.file(INSTANCE.format(vips="192.0.2.5"), "a.conf")
    second = importer.file(server(), "b.conf")

    code, printed, _ = importer.run("keepalived", "--role", "director", first, second)

    assert code == 0
    assert '"address": "192.0.2.5"' in printed
    assert '"rip": "192.0.2.11"' in printed


@pytest.mark.parametrize("block", range(4))
def test_whatever_stands_in_a_file_is_sound_profiles_or_one_error(block: int) -> None:
    known = seeds()

    sound = [one(mutated(known, Random(f"test:{block}:{each}"))) for each in range(100)]

    # An import that refuses everything would be as quiet.
    assert sound.count(True) > 60
