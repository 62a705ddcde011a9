"""What holds for all tests: where everything has to run, a skip is a failure."""

from __future__ import annotations

import os

import pytest


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if a test was skipped under `make test`, which sets LVSDR_REQUIRE_ALL."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    if reporter is not None and skipped and os.environ.get("LVSDR_REQUIRE_ALL"):
        for report in skipped:
            reporter.write_line(f"SKIPPED, where all must run: {report.nodeid}: {report.longrepr}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
