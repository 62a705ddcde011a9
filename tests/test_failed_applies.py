"""An apply that failed leaves the host as it was: that it failed is known until one goes well."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fake import FakeSession
from lvsdr.cli import main
from lvsdr.core.failed_applies import MOST, failed_applies, failure_written_down
from lvsdr.core.record import Record
from lvsdr.errors import CannotRun
from test_applied_profiles import DIP, DIRECTOR, folder, session_on

__all__ = ["folder"]

Run = Callable[..., tuple[int, str]]
OWNER = "director:web"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as the program does; return its exit code and all that it says."""

    def run(session: FakeSession, *words: object) -> tuple[int, str]:
        session.output = "text"
        code = main.run(list(map(str, words)), session)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


@pytest.fixture
def session(folder: Path) -> FakeSession:
    return session_on(folder, DIP)


def gauge(run: Run, session: FakeSession, name: str, *words: object) -> dict[str, float]:
    """Return the values of a gauge by the names of profiles."""
    _, said = run(session, "metrics", *words)
    told = [line for line in said.splitlines() if not line.startswith(("lvsdr: ", "  "))]
    families = text_string_to_metric_families("\n".join((*told, "")))
    samples = [sample for it in families if it.name == name for sample in it.samples]
    return {each.labels["profile"]: each.value for each in samples}


def refused(session: FakeSession, run: Run, folder: Path, number: int = 1) -> int:
    kernel = session.kernel()
    kernel.refuse = {len(kernel.sent) + number}
    code, _ = run(session, "director", "apply", folder / "director.json")
    kernel.refuse = ()
    return code


def test_a_first_apply_that_was_refused_is_told_though_the_record_knows_nothing(
    session: FakeSession, run: Run, folder: Path
) -> None:
    assert refused(session, run, folder) == 3

    assert session.book().load() == Record()
    assert gauge(run, session, "lvsdr_last_apply_exit_code") == {"web": 3}
    code, said = run(session, "status")
    assert code == 0
    assert f"director web, from {folder / 'director.json'}" in said
    assert "failed (exit 3), all undone: " in said
    (profile,) = json.loads(run(session, "status", "--format", "json")[1])["profiles"]
    assert (profile["applied"], profile["objects"]) == (None, [])
    assert profile["last_apply"]["exit_code"] == 3


def test_a_change_that_was_refused_is_told_beside_when_the_last_one_went_well(
    session: FakeSession, run: Run, folder: Path
) -> None:
    file = folder / "director.json"
    assert run(session, "director", "apply", file)[0] == 0
    assert gauge(run, session, "lvsdr_last_apply_exit_code") == {"web": 0}
    well = gauge(run, session, "lvsdr_last_apply_timestamp_seconds")
    assert well == gauge(run, session, "lvsdr_profile_applied_timestamp_seconds")
    change(file, scheduler="wlc")

    assert refused(session, run, folder, 0) == 3

    assert gauge(run, session, "lvsdr_last_apply_exit_code") == {"web": 3}
    assert gauge(run, session, "lvsdr_profile_applied_timestamp_seconds") == well
    status = json.loads(run(session, "director", "status", file, "--format", "json")[1])
    assert status["last_apply"]["exit_code"] == 3
    assert "last apply" in run(session, "director", "status", file)[1]


def change(file: Path, **fields: object) -> None:
    document: dict[str, Any] = json.loads(file.read_text())
    document["virtual_servers"][0] |= fields
    file.write_text(json.dumps(document))


@pytest.mark.parametrize("then", ["apply", "withdraw"])
def test_it_is_forgotten_once_one_goes_well_or_the_profile_is_withdrawn(
    then: str, session: FakeSession, run: Run, folder: Path
) -> None:
    file = folder / "director.json"
    assert run(session, "director", "apply", file)[0] == 0
    change(file, scheduler="wlc")
    assert refused(session, run, folder, 0) == 3

    assert run(session, "director", then, file)[0] == 0

    assert failed_applies(session.book()) == {}
    assert not list(session.book().root.glob("*.failed"))
    expected = {"web": 0.0} if then == "apply" else {}
    assert gauge(run, session, "lvsdr_last_apply_exit_code") == expected


def test_what_one_profile_could_not_is_no_word_on_another(
    session: FakeSession, run: Run, folder: Path
) -> None:
    assert refused(session, run, folder) == 3

    assert run(session, "realserver", "apply", folder / "realserver.json")[0] == 0

    assert list(failed_applies(session.book())) == [OWNER]


def test_a_profile_that_another_one_stands_in_the_way_of_is_told(
    session: FakeSession, run: Run, folder: Path
) -> None:
    assert run(session, "director", "apply", folder / "director.json")[0] == 0
    other = folder / "other.json"
    other.write_text(json.dumps({**DIRECTOR, "name": "other"}))
    change(other, scheduler="wlc")

    assert run(session, "director", "apply", other)[0] == 2

    assert failed_applies(session.book())["director:other"].exit_code == 2
    codes = gauge(run, session, "lvsdr_last_apply_exit_code", folder / "director.json", other)
    assert codes == {"web": 0, "other": 2}


def test_an_apply_that_goes_well_writes_nothing_beside_the_record(
    session: FakeSession, run: Run, folder: Path
) -> None:
    for _ in range(2):
        assert run(session, "director", "apply", folder / "director.json")[0] == 0

    book = session.book()
    assert {each.name for each in book.root.iterdir()} <= {
        f"{book.namespace}.json",
        f"{book.namespace}.lock",
    }


def test_a_bug_is_told_and_raised_all_the_same(session: FakeSession) -> None:
    with pytest.raises(ZeroDivisionError), failure_written_down(OWNER, None, session.book()):
        session.book().root.mkdir(exist_ok=True)
        raise ZeroDivisionError("division by zero")

    assert failed_applies(session.book())[OWNER].exit_code == 7


def test_what_cannot_be_written_down_is_a_note_of_the_failure(session: FakeSession) -> None:
    book = session.book()
    (book.root / f"{book.namespace}.failed").mkdir(parents=True)

    with pytest.raises(CannotRun) as caught, failure_written_down(OWNER, None, book):
        raise CannotRun("cannot do it")

    assert caught.value.message == "cannot do it"
    assert any("is not written down" in note for note in caught.value.notes)


@pytest.mark.parametrize(
    "lie",
    ["", "[]", "{", '{"format": "lvsdr/failed-applies/1", "failed": {"a": {"x": 1}}}', "\xff"],
)
def test_what_is_no_list_of_failures_is_passed_over(
    lie: str, session: FakeSession, run: Run, folder: Path
) -> None:
    book = session.book()
    book.root.mkdir(exist_ok=True)
    (book.root / f"{book.namespace}.failed").write_bytes(lie.encode("latin-1"))

    assert run(session, "status") == (0, "nothing is applied on this host\n")
    assert refused(session, run, folder) == 3
    assert list(failed_applies(book)) == [OWNER]


def test_there_are_never_more_than_a_file_can_hold(session: FakeSession) -> None:
    book = session.book()
    book.root.mkdir(exist_ok=True)
    for number in range(MOST + 5):
        with pytest.raises(CannotRun), failure_written_down(f"director:{number}", None, book):
            raise CannotRun("x" * 100_000)

    assert len(failed_applies(book)) == MOST
    assert f"director:{MOST + 4}" in failed_applies(book)
    assert (book.root / f"{book.namespace}.failed").stat().st_size < 100_000
