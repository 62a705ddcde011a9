"""Real Prometheus scrapes lvsdr beside node_exporter; promtool judges text and alerts.

Packages of their own bring these: in `make torture`.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import program
import pytest
from rig import RIPS, VIP, Rig, director, lvsdr, realserver, rig, settled, virtual_server

from lvsdr.lab.residents import staying
from test_monitoring import HOST, text

ROOT = Path(__file__).parents[2]
RULES = ROOT / "packaging" / "monitoring" / "lvsdr-alerts.yml"
DASHBOARD = RULES.with_name("lvsdr-dashboard.json")
OURS, NODES, SERVER = "127.0.0.1:9842", "127.0.0.1:9100", "127.0.0.1:9090"
CONFIG = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: lvs
    static_configs: [{{targets: ['{ours}', '{nodes}']}}]
"""
SCRAPED = """\
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: lvs
    static_configs: [{{targets: ['{source}']}}]
"""
# How long it may take beside other kernels until a scrape is in the database.
PATIENCE = 60.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("prometheus")
    mark = {"fwmark": 7, "real_servers": [{"rip": RIPS[0]}]}
    with rig(folder, director(virtual_server(), mark), realserver()) as made:
        made.apply()
        yield made


def test_promtool_finds_nothing_in_what_is_told(cluster: Rig) -> None:
    host = cluster.lab.director
    text = lvsdr(host, "metrics", "--verify", cluster.director)

    judged = host.run("promtool", "check", "metrics", text=text, check=False)

    assert (judged.returncode, judged.stdout + judged.stderr) == (0, "")


def test_alerts_fire_for_what_they_are_about_and_for_nothing_beside() -> None:
    tests = ROOT / "tests" / "monitoring" / "lvsdr-alerts-test.yml"

    done = subprocess.run(
        ["promtool", "test", "rules", tests], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_scrapes_it_and_joins_it_with_node_exporter(
    cluster: Rig, tmp_path: Path
) -> None:
    host = cluster.lab.director
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(rules=RULES, ours=OURS, nodes=NODES), encoding="utf-8")
    exporter = ("prometheus-node-exporter", f"--web.listen-address={NODES}")
    only = ("--collector.disable-defaults", "--collector.ipvs")
    place = (f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/data")
    server = ("prometheus", f"--web.listen-address={SERVER}", *place)
    with (
        program.running(host, "metrics", "--listen", OURS, str(cluster.director)) as ours,
        staying(host, *exporter, *only),
        staying(host, *server) as prometheus,
    ):
        assert settled(lambda: "answering" in ours.said("stderr"), True, PATIENCE)
        up = settled(lambda: asked(cluster, "sum(up)"), [2.0], PATIENCE, 0.5)
        assert up == [2.0], prometheus.said()
        # Theirs counts connections, ours knows whose real servers they are.
        joined = (
            "node_ipvs_backend_weight * on (local_address, local_port, local_mark, proto)"
            ' group_left (profile) lvsdr_real_servers{state="in_service", profile="web"}'
        )
        found = settled(lambda: asked(cluster, joined), [1.0, 2.0, 2.0], PATIENCE, 0.5)
        host.ip(f"address del {VIP}/32 dev eth0")
        lost = f'lvsdr_vip_held{{local_address="{VIP}"}}'
        gone = settled(lambda: asked(cluster, lost), [0.0], PATIENCE, 0.5)
        firing = f'ALERTS{{alertname="LvsdrVipLost", local_address="{VIP}"}}'
        alert = settled(lambda: asked(cluster, firing), [1.0], PATIENCE, 0.5)
    lvsdr(host, "director", "apply", "--take-over", cluster.director)

    assert found == [1.0, 2.0, 2.0]
    assert gone == [0.0]
    assert alert == [1.0]


def test_each_panel_of_the_dashboard_shows_what_is_told(tmp_path: Path) -> None:
    """Everything that there is to tell is scraped; then each panel's question has an answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    with told(text(HOST)) as source:
        config = tmp_path / "prometheus.yml"
        config.write_text(SCRAPED.format(source=source), encoding="utf-8")
        where = (f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address={place}")
        server = subprocess.Popen(["prometheus", f"--config.file={config}", *where])
        try:
            up = settled(lambda: answered(place, "lvsdr_build_info"), [1.0], PATIENCE, 0.5)
            found = {panel: answered(place, query) for panel, query in asked_by_dashboard()}
        finally:
            server.terminate()
            server.wait()

    assert up == [1.0]
    assert [panel for panel, values in found.items() if not values] == []


def asked_by_dashboard() -> Iterator[tuple[str, str]]:
    """Yield each question of the dashboard with what asks it; a time that passes is not waited for.

    `$instance` is what Grafana puts there where all hosts are chosen.
    """
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    asked = [(it["title"], each["expr"]) for it in dashboard["panels"] for each in it["targets"]]
    changed = [(it["name"], it["expr"]) for it in dashboard["annotations"]["list"]]
    for who, query in [*asked, *changed]:
        assert "$instance" in query
        # Nothing changes within a scrape or two.
        yield who, query.replace("$instance", ".*").replace("[1m]) > 0", "[1m]) >= 0")


@contextmanager
def told(words: str) -> Iterator[str]:
    """Answer scrapes with `words`; give the address and port."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(words.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def asked(cluster: Rig, query: str) -> list[float]:
    """Return what Prometheus answers, sorted; nothing while it does not."""

    return cluster.lab.director.inside(lambda: answered(SERVER, query))


def answered(place: str, query: str) -> list[float]:
    url = f"http://{place}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            said: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as refused:
        raise AssertionError(f"{query}: {refused.read().decode()}") from refused
    except OSError:
        return []
    return sorted(float(each["value"][1]) for each in said["data"]["result"])
