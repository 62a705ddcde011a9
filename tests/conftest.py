"""What holds for all tests: where each of them runs, and that none is left out unseen."""

from __future__ import annotations

import os
import signal
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter

from lvsdr.model.finding import ERROR, Finding
from traced_files import TRACED
from typed_hints import fault_of_hint

# How wide a page is has its own tests; readline, which pytest imports, sets it past os.environ, and
# so for the processes that pytest starts.
os.environ.pop("COLUMNS", None)
os.unsetenv("COLUMNS")

LAB = Path(__file__).parent / "lab"
IN_THE_LAB = os.environ.get("LVSDR_LAB") == "uml"
HOW = "runs in the lab: python -m lvsdr.lab --timeout 1500 -- python -m pytest tests/lab"
# A row takes seconds: with all of them `make test` would take most of an hour.
FEW = 4


if not IN_THE_LAB:
    # Where no test has examples, it would be a sixth of what a guest takes to begin.
    from hypothesis import settings

    # How long an example takes says how busy the machine is. The same examples each time, and half
    # as many as is usual: `make torture` looks for new ones, not a user's test run.
    settings.register_profile("new", deadline=None, max_examples=200)
    settings.register_profile(
        "fixed", derandomize=True, database=None, deadline=None, max_examples=50
    )
    settings.load_profile("new" if os.environ.get("LVSDR_TORTURE") else "fixed")

if IN_THE_LAB:
    # User-Mode Linux takes as long for each folder in which a program is not as for its start.
    os.environ["PATH"] = f"/usr/bin:/usr/sbin:{os.environ['PATH']}"


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """Return a folder in memory, if there is one: a record is synced thousands of times."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="lvsdr-test-", dir=memory) as folder:
        yield Path(folder)


@pytest.fixture(scope="session", autouse=True)
def _every_hint_can_be_typed() -> Iterator[None]:
    """Hold each finding that any test makes to the rule of hints, where it is made."""
    # Its methods are compiled once they are called, and would take the place of ours then.
    Finding("RULE", ERROR, "eth0", "it is wrong")
    make = Finding.__init__

    def made(self: Finding, *args: Any, **fields: Any) -> None:
        make(self, *args, **fields)
        fault = fault_of_hint(self.hint)
        assert not fault, f"{self.rule}: {fault}: {self.hint}"

    Finding.__init__ = made  # type: ignore[method-assign]
    yield
    Finding.__init__ = make  # type: ignore[method-assign]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what belongs to the lab elsewhere; there, of many rows of one test choose a few.

    And say which tests need not be traced.
    """
    if IN_THE_LAB:
        if every := os.environ.get("LVSDR_EVERY_ROW"):
            # All of them, or 2/3: of each three the second.
            part, _, parts = every.partition("/")
            _keep(config, items, items[int(part) - 1 :: int(parts or 1)])
        elif not os.environ.get("LVSDR_TORTURE"):
            _choose(config, items)
        return
    for item in items:
        if LAB in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=HOW))
        if item.path.name not in TRACED and config.pluginmanager.hasplugin("_cov"):
            item.add_marker(pytest.mark.no_cover)


def _choose(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep at most `FEW` rows of each test, spread over all of them: the rest is torture's."""
    rows: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        rows[item.nodeid.partition("[")[0]].append(item)
    chosen = [row for several in rows.values() for row in several[:: -(-len(several) // FEW)]]
    _keep(config, items, chosen)


def _keep(config: pytest.Config, items: list[pytest.Item], chosen: list[pytest.Item]) -> None:
    """Leave out all but those that are chosen, and have it told how many they are."""
    kept = set(map(id, chosen))
    left = [item for item in items if id(item) not in kept]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if id(item) in kept]


def _has_iptables() -> bool:
    release = Path("/lib/modules", os.uname().release)
    return any(release.rglob("ip_tables.ko*")) or not release.exists()


# Debian's User-Mode Linux has no legacy iptables since 7.2, and nftables for no IP: what needs a
# firewall there cannot run. `make test` chooses for that kernel what can.
NO_IPTABLES = "this kernel has no legacy iptables"
LACKS_IPTABLES = IN_THE_LAB and not _has_iptables()


def _skipped_without_iptables() -> Iterator[None]:
    """Skip a test that wants rules of legacy iptables, where the kernel has none."""
    try:
        yield
    except AssertionError as error:
        if LACKS_IPTABLES and "can't initialize ip" in str(error):
            pytest.skip(NO_IPTABLES)
        raise


pytest_runtest_setup = pytest.hookimpl(wrapper=True)(_skipped_without_iptables)
pytest_runtest_call = pytest.hookimpl(wrapper=True)(_skipped_without_iptables)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which anything was skipped, in the lab and under `make test`."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if not os.environ.get("LVSDR_REQUIRE_ALL"):
        skipped = [each for each in skipped if NO_IPTABLES not in str(each.longrepr)]
    if reporter is None or not (IN_THE_LAB or os.environ.get("LVSDR_REQUIRE_ALL")):
        return
    for report in skipped:
        reporter.write_line(f"SKIPPED, where all must run: {report.nodeid}: {report.longreprtext}")
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_sessionstart() -> None:
    """Hear the signals that the tests send: a shell's background job begins with some ignored."""
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print what tests have recorded: failover's figures, losses of hints, what was measured."""
    _print_failover(terminalreporter)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, line in report.user_properties:
                if name in ("hint", "measured"):
                    terminalreporter.write_line(f"{name} | {outcome} | {line}")


def _print_failover(terminalreporter: TerminalReporter) -> None:
    """Print the figures of failover's rounds: seconds there and back, and losses."""
    found: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            title = report.nodeid.partition("[")[2].rpartition("-")[0]
            for name, figures in report.user_properties:
                if name == "figures":
                    found[title].append(figures)
    for title, rounds in sorted(found.items()):
        there, back, lost = zip(*rounds, strict=True)
        terminalreporter.write_line(
            f"{title:60} {len(rounds):3} rounds; longest gap"
            f" {median(there):.2f} ({max(there):.2f}) s, back {median(back):.2f}"
            f" ({max(back):.2f}) s; {sum(lost)} connections lost"
        )
