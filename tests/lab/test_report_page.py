"""The page that shows a cluster, of one that is in order and of one that is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from html.parser import HTMLParser
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from rig import RIPS, VIP, Rig, director, lvsdr, realserver, rig, verified, virtual_server

from lvsdr.lab.services import serving

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("report")
    with rig(folder, director(virtual_server()), realserver()) as made:
        made.apply()
        yield made


@contextmanager
def all_serve(cluster: Rig) -> Iterator[None]:
    with ExitStack() as stack:
        for each in cluster.lab.realservers:
            stack.enter_context(serving(each, [cluster.services[0]]))
        yield


class Words(HTMLParser):
    """The texts of a page, by the class of the element that they stand in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._classes = [""]
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self._classes.append(dict(attrs).get("class") or "")

    def handle_endtag(self, tag: str) -> None:
        self._classes.pop()

    def handle_data(self, data: str) -> None:
        self.found.append((self._classes[-1], data))


def squares(picture: str) -> dict[str, str]:
    """Return the state of each path in a drawing, by what a pointer on it is told."""
    rects = fromstring(picture).iter(f"{SVG}rect")
    named = ((each.findtext(f"{SVG}title") or "", each.get("class") or "") for each in rects)
    return {title: state for title, state in named if title.startswith("tcp ")}


def test_a_cluster_in_order_is_drawn_so(cluster: Rig) -> None:
    host = cluster.lab.director
    with all_serve(cluster):
        text = lvsdr(host, "report", cluster.director, cluster.realserver)
        picture = lvsdr(host, "report", "--svg", cluster.director)

    words = Words(text).found
    assert ("verdict ok", "no errors found") in words
    assert ("address", VIP) in words
    assert squares(picture) == {
        f"tcp {VIP}:80 at {rip}: a probe was served": "chip ok" for rip in RIPS
    }


def test_what_is_wrong_is_drawn_and_told_with_its_remedy(cluster: Rig, tmp_path: Path) -> None:
    host, loud = cluster.lab.director, cluster.lab.realservers[0]
    loud.sysctl("net/ipv4/conf/all/arp_ignore", 0)
    loud.sysctl("net/ipv4/conf/eth0/arp_ignore", 0)
    page = tmp_path / "cluster.html"

    lvsdr(host, "report", cluster.director, "--out", page)
    said = json.loads(lvsdr(host, "report", cluster.director, "--format", "json"))
    found = verified(host, "director", "verify", cluster.director, expect=1)
    lvsdr(loud, "realserver", "apply", cluster.realserver)

    text = page.read_text(encoding="utf-8")
    rules = {each["rule"] for each in found}
    assert "ARP-ANSWER" in rules
    assert {each["rule"] for each in said["verify"]["findings"]} == rules
    assert {word for kind, word in Words(text).found if word in rules} == rules
    assert 'class="verdict bad"' in text
    assert 'class="box bad"' in text
    assert said["status"]["objects"]


def test_a_third_host_shows_who_answers_and_no_table(cluster: Rig) -> None:
    with all_serve(cluster):
        said = lvsdr(cluster.lab.observer, "report", cluster.director, "--format", "json")

    told = json.loads(said)
    assert {each["mac"] for each in told["verify"]["answers"]} == {
        cluster.mac(cluster.lab.director)
    }
    assert told["status"] is None
    assert told["notes"] == ["Seen from a host that is not the director: no table, no paths."]
