"""What a monitoring system is told, read by the official client library's parser."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from time import time

import program
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rig import RIPS, VIP, Rig, director, lvsdr, realserver, rig, settled, virtual_server

from lvsdr.lab.services import serving

PLACE = "127.0.0.1:9842"
Values = dict[tuple[str, ...], float]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("metrics")
    checked = director(virtual_server(), health={"interval": 1.0})
    with rig(folder, checked, realserver()) as made:
        made.apply()
        yield made


def values(text: str, name: str, *labels: str) -> Values:
    """Return the samples of a gauge by some of its labels."""
    families = [each for each in text_string_to_metric_families(text) if each.name == name]
    samples = [sample for family in families for sample in family.samples]
    return {tuple(each.labels[label] for label in labels): each.value for each in samples}


def test_a_host_as_its_profile_says_is_in_sync(cluster: Rig) -> None:
    text = lvsdr(cluster.lab.director, "metrics", cluster.director)

    assert values(text, "lvsdr_profile_in_sync", "role", "profile") == {("director", "web"): 1}
    assert values(text, "lvsdr_vip_held", "local_address") == {(VIP,): 1}
    states = values(text, "lvsdr_real_servers", "local_address", "local_port", "state")
    assert states == {
        (VIP, "80", "in_service"): 2,
        (VIP, "80", "drained"): 0,
        (VIP, "80", "down"): 0,
    }
    assert values(text, "lvsdr_real_server_up", "remote_address") == dict.fromkeys(
        [(rip,) for rip in RIPS], 1
    )
    applied = values(text, "lvsdr_profile_applied_timestamp_seconds", "profile")
    assert time() - 600 < applied[("web",)] <= time()


def test_without_a_name_those_that_are_applied_are_told_of(cluster: Rig) -> None:
    text = lvsdr(cluster.lab.realservers[0], "metrics")

    assert values(text, "lvsdr_profile_in_sync", "role") == {("realserver",): 1}


def test_what_others_take_away_differs_and_has_drifted(cluster: Rig) -> None:
    host = cluster.lab.director
    host.ip(f"address del {VIP}/32 dev eth0")

    text = lvsdr(host, "metrics", cluster.director)
    lvsdr(host, "director", "apply", "--take-over", cluster.director)

    assert values(text, "lvsdr_profile_in_sync", "profile") == {("web",): 0}
    assert values(text, "lvsdr_vip_held", "local_address") == {(VIP,): 0}
    differing = values(text, "lvsdr_differing_objects", "object", "difference")
    assert {key: value for key, value in differing.items() if value} == {("address", "missing"): 1}
    assert values(text, "lvsdr_drifted_objects", "profile") == {("web",): 1}


def test_the_wire_says_who_answers_and_which_paths_serve(cluster: Rig) -> None:
    host, service = cluster.lab.director, cluster.services[0]
    started = time()
    with ExitStack() as stack:
        for each in cluster.lab.realservers:
            stack.enter_context(serving(each, [service]))
        text = lvsdr(host, "metrics", "--verify", cluster.director)

    assert values(text, "lvsdr_vip_answerers", "local_address") == {(VIP,): 1}
    answered = values(text, "lvsdr_vip_answered_by", "local_address", "mac")
    assert answered == {(VIP, cluster.mac(host)): 1}
    assert values(text, "lvsdr_silence_proven_timestamp_seconds", "local_address")[(VIP,)] > started
    paths = values(text, "lvsdr_path_serves", "remote_address", "local_port", "verdict")
    assert paths == {(rip, str(service.port), "served"): 1 for rip in RIPS}


def test_a_real_server_that_speaks_ends_the_proof_of_silence(cluster: Rig) -> None:
    loud = cluster.lab.realservers[0]
    loud.sysctl("net/ipv4/conf/all/arp_ignore", 0)
    loud.sysctl("net/ipv4/conf/eth0/arp_ignore", 0)

    text = lvsdr(cluster.lab.director, "metrics", "--verify", cluster.director)
    lvsdr(loud, "realserver", "apply", cluster.realserver)

    assert values(text, "lvsdr_vip_answerers", "local_address") == {(VIP,): 2}
    assert values(text, "lvsdr_silence_proven_timestamp_seconds", "local_address") == {}
    assert values(text, "lvsdr_verify_faults", "severity")[("error",)] >= 1
    assert ("ARP-ANSWER",) in values(text, "lvsdr_verify_findings", "rule")


def test_a_scrape_is_told_the_host_as_it_is_then(cluster: Rig) -> None:
    host = cluster.lab.director
    with program.running(host, "metrics", "--listen", PLACE, str(cluster.director)) as server:
        assert settled(lambda: "answering at" in server.said("stderr"), True)
        before = scraped(cluster)
        host.ip(f"address del {VIP}/32 dev eth0")
        after = scraped(cluster)
        os.kill(server.process.pid or 0, signal.SIGTERM)
        done = server.wait()
    lvsdr(host, "director", "apply", "--take-over", cluster.director)

    assert values(before, "lvsdr_profile_in_sync", "profile") == {("web",): 1}
    assert values(after, "lvsdr_profile_in_sync", "profile") == {("web",): 0}
    assert done.returncode == 0
    assert done.stderr.splitlines() == [f"lvsdr: answering at http://{PLACE}/metrics"]


def test_an_apply_that_the_kernel_refused_is_told_until_one_goes_well(cluster: Rig) -> None:
    host = cluster.lab.director
    before = host.run("ipvsadm", "-Sn").stdout
    profile = json.loads(cluster.director.read_text(encoding="utf-8"))
    # The module's name: of all schedulers it is the one that people get wrong.
    profile["virtual_servers"][0] |= {"scheduler": "maglev"}
    refused = cluster.director.with_name("refused.json")
    refused.write_text(json.dumps({**profile, "name": "web"}), encoding="utf-8")

    error = lvsdr(host, "director", "apply", refused, expect=3)
    told = lvsdr(host, "metrics", cluster.director)
    status = lvsdr(host, "status")
    left = host.run("ipvsadm", "-Sn").stdout
    lvsdr(host, "director", "apply", cluster.director)
    after = lvsdr(host, "metrics", cluster.director)

    assert error == ""
    assert left == before
    assert values(told, "lvsdr_last_apply_exit_code", "profile") == {("web",): 3}
    assert values(told, "lvsdr_profile_in_sync", "profile") == {("web",): 1}
    assert "failed (exit 3), all undone: " in status
    assert values(after, "lvsdr_last_apply_exit_code", "profile") == {("web",): 0}


def scraped(cluster: Rig) -> str:
    """Return what a scrape of the director is answered."""

    def get() -> str:
        with urllib.request.urlopen(f"http://{PLACE}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    return cluster.lab.director.inside(get)
