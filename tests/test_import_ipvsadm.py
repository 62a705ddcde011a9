"""A file for ipvsadm -R as profiles: what ends the reading, what is passed over, what is lost.

That the table is the same is for tests/lab/test_restored_tables.py, with ipvsadm itself.
"""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest

from lvsdr.errors import ProfileError
from lvsdr.formats.ipvsadm.ipvsadm_import import of_text
from lvsdr.formats.looked_up import LookedUp
from lvsdr.model.finding import ERROR, WARNING
from lvsdr.model.imported import Imported, Unsaid

WEB = "-A -t 192.0.2.10:80 -s rr\n"
ONE = "-a -t 192.0.2.10:80 -r 192.0.2.11"


def imported(text: str) -> Imported:
    return of_text(text, "rules", Unsaid("eth0"))


def services(text: str) -> list[dict[str, Any]]:
    director = imported(text).director
    assert director is not None
    found: list[dict[str, Any]] = director.get("virtual_servers", [])
    return found


def told(text: str) -> list[tuple[str, str, str]]:
    """Return the rule, the severity and the subject of each finding."""
    return [(each.rule, each.severity, each.subject) for each in imported(text).findings]


def test_every_field_of_a_service_and_its_real_server_is_taken() -> None:
    text = (
        "-A -t 192.0.2.10:80 -s sh -b sh-port -p 300 -M 255.255.255.0\n"
        f"{ONE} -i -w 7 -x 9 -y 3 --tun-type gue --tun-port 6080 --tun-csum\n"
    )

    assert services(text) == [
        {
            "vip": "192.0.2.10",
            "protocol": "tcp",
            "port": 80,
            "scheduler": "sh",
            "scheduler_flags": ["sh-port"],
            "persistence": 300,
            "persistence_prefix": 24,
            "real_servers": [
                {
                    "rip": "192.0.2.11",
                    "weight": 7,
                    "forwarding_method": "tunnel",
                    "upper_threshold": 9,
                    "lower_threshold": 3,
                    "tunnel_type": "gue",
                    "tunnel_port": 6080,
                    "tunnel_checksum": "csum",
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("# a comment", ERROR),
        ("add -t 192.0.2.12:80", ERROR),
        ("-A -t 192.0.2.12:80 # a comment", ERROR),
        ("-A -t 192.0.2.12", ERROR),
        ("-A -t 192.0.2.12:nobody-knows", ERROR),
        ("-A -t 192.0.2.12:80 -p 0", ERROR),
        ("-A -t 192.0.2.12:80 -w 3", ERROR),
        ("-A -t 192.0.2.12:80 -s rr -s rr", ERROR),
        ("-A -f -1", ERROR),
        ("-A -f 0x5", ERROR),
        (f"{ONE} -w -1", ERROR),
        (f"{ONE} --tun-port 5", ERROR),
        ("-h", ERROR),
        (f"{ONE[:-10]}2001:db8::11", ERROR),
        ("-A -t 192.0.2.12:80 -q", WARNING),
        ("-A -t 192.0.2.12:80 -s", WARNING),
        ("-A -t 192.0.2.12:80 -s robin", WARNING),
        (WEB.strip(), WARNING),
        (f"{ONE} -y 3", WARNING),
        ("-D -t 192.0.2.12:80", WARNING),
        ("--stop-daemon master", WARNING),
    ],
)
def test_what_ipvsadm_makes_nothing_of_is_told_with_its_line(line: str, severity: str) -> None:
    text = f"{WEB}{line}\n-A -f 5\n"

    assert told(text)[0] == ("IMPORT-REFUSED", severity, "rules:2")
    # An error is where the reading ends.
    assert ("fwmark" in str(services(text))) == (severity == WARNING)


def test_an_edit_without_options_goes_back_to_the_defaults() -> None:
    text = f"-A -t 192.0.2.10:80 -s rr -p 9\n{ONE} -w 7 -m\n-E -t 192.0.2.10:80\n"
    (service,) = services(text + ONE.replace("-a", "-e") + "\n")

    assert "scheduler" not in service
    assert "persistence" not in service
    assert service["real_servers"] == [{"rip": "192.0.2.11"}]


@pytest.mark.parametrize(
    ("text", "rule", "severity"),
    [
        ("-A -t 192.0.2.10:80 -p -M 24\n", "IMPORT-LOST", ERROR),
        ("-A -t 127.0.0.1:80\n-A -f 5\n", "IMPORT-LOST", ERROR),
        (f"{WEB}-a -t 192.0.2.10:80 -r 192.0.2.10\n", "IMPORT-LOST", ERROR),
        ("-A -f 5 -6\n-A -f 6\n", "IMPORT-LOST", ERROR),
        ("-A -u 192.0.2.10:53 -o -p\n", "IMPORT-LOST", ERROR),
        ("-A -f 5\n-a -f 5 -r 192.0.2.11:81\n", "IMPORT-LOST", WARNING),
        ("-A -t 192.0.2.10:80 -s rr -b flag-1\n", "IMPORT-LOST", WARNING),
        ("-A -t 192.0.2.10:80 --pe sip -p\n", "IMPORT-LOST", WARNING),
        (f"{WEB}--start-daemon master --mcast-interface a\x01b\n", "IMPORT-LOST", ERROR),
        (f"{WEB}--start-daemon master --mcast-interface {'é' * 8}\n", "IMPORT-LOST", ERROR),
    ],
)
def test_what_no_profile_can_say_is_told(text: str, rule: str, severity: str) -> None:
    assert (rule, severity) in [each[:2] for each in told(text)]


def test_names_are_looked_up_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"web.example": "192.0.2.10"}
    monkeypatch.setattr(LookedUp, "ipv4", lambda self, name: names[name])
    monkeypatch.setattr(LookedUp, "findings", lambda self, file: [])

    (service,) = services("-A -t web.example:http -s rr\n")

    assert (service["vip"], service["port"]) == ("192.0.2.10", 80)


def test_timeouts_and_sync_daemons_are_the_directors() -> None:
    director = imported(
        f"{WEB}--set 800 0 200\n--start-daemon master --syncid 7 --mcast-interface eth1\n"
    ).director

    assert director is not None
    assert director["timeouts"] == {"tcp": 800, "udp": 200}
    assert director["sync_daemons"] == [{"state": "master", "syncid": 7, "interface": "eth1"}]


def test_a_file_that_makes_nothing_is_an_error() -> None:
    with pytest.raises(ProfileError, match="no virtual server"):
        imported("\n\n")


def test_a_table_of_thousands_takes_seconds() -> None:
    lines = []
    for number in range(5000):
        vip = f"10.{number // 250}.{number % 250}.1"
        lines.append(f"-A -t {vip}:80 -s wlc")
        lines += [f"-a -t {vip}:80 -r 10.99.0.{place} -g" for place in (1, 2, 3)]
    begun = process_time()

    made = imported("\n".join(lines))

    assert process_time() - begun < 20
    assert made.director is not None
    assert len(made.director["virtual_servers"]) == 5000


def test_a_file_without_a_virtual_server_is_refused_whatever_link_is_meant() -> None:
    for text in ("", "-C\n"):
        with pytest.raises(ProfileError, match="makes no virtual server"):
            of_text(text, "rules", Unsaid())
