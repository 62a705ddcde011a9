"""The case folders: each plan is the expected one, and no failure in it leaves a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from cases import Case, all_cases
from fake import FakeSession
from lvsdr.core.workflow import converge
from lvsdr.errors import KernelError, NotConverged, Stuck
from lvsdr.render import text

each_case = pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.path.name)


def nothing() -> None:
    """Stand for what is done after the changes."""


@each_case
def test_the_plan_is_the_expected_one(case: Case, tmp_path: Path) -> None:
    kernel = case.kernel()

    todo = case.situation(kernel, case.book(tmp_path)).todo

    assert list(text.changes(todo)) == case.expected


@each_case
def test_after_it_there_is_nothing_left_to_do(case: Case, tmp_path: Path) -> None:
    kernel, book = case.kernel(), case.book(tmp_path)

    converge(case.situation(kernel, book), kernel, book, nothing)
    sent = len(kernel.sent)
    converge(case.situation(kernel, book), kernel, book, nothing)

    assert len(kernel.sent) == sent


@each_case
def test_any_refused_change_leaves_the_host_as_it_was(case: Case, tmp_path: Path) -> None:
    todo = case.situation(case.kernel(), case.book(tmp_path)).todo

    for number in range(len(todo)):
        kernel, book = case.kernel(), case.book(tmp_path)
        before, record = dict(kernel.objects), book.load()
        kernel.refuse = {number}
        with pytest.raises(KernelError) as refused:
            converge(case.situation(kernel, book), kernel, book, nothing)

        assert kernel.objects == before
        assert book.load() == record
        assert refused.value.exit_code == 3
        undone = [f"{number} changes undone", "nothing was changed", "1 change undone"]
        assert refused.value.notes[-1].startswith(tuple(undone))


@each_case
def test_undoing_goes_newest_first(case: Case, tmp_path: Path) -> None:
    todo = case.situation(case.kernel(), case.book(tmp_path)).todo

    for number in range(len(todo)):
        kernel, book = case.kernel(), case.book(tmp_path)
        kernel.refuse = {number}
        with pytest.raises(KernelError):
            converge(case.situation(kernel, book), kernel, book, nothing)

        done, undone = todo[:number], kernel.sent[number + 1 :]
        assert undone == [change.inverse() for change in reversed(done)]


@each_case
def test_a_change_that_did_not_happen_is_found_and_all_is_undone(
    case: Case, tmp_path: Path
) -> None:
    todo = case.situation(case.kernel(), case.book(tmp_path)).todo

    for number in range(len(todo)):
        kernel, book = case.kernel(), case.book(tmp_path)
        before, record = dict(kernel.objects), book.load()
        kernel.forget = {number}
        with pytest.raises(NotConverged) as differs:
            converge(case.situation(kernel, book), kernel, book, nothing)

        assert kernel.objects == before
        assert book.load() == record
        assert differs.value.exit_code == 4


@each_case
def test_where_undoing_fails_too_the_next_run_finishes(case: Case, tmp_path: Path) -> None:
    todo = case.situation(case.kernel(), case.book(tmp_path)).todo

    for number in range(1, len(todo)):
        kernel, book = case.kernel(), case.book(tmp_path)
        # The change after `number` is refused, and so is everything that would undo the others.
        kernel.refuse = range(number, 1000)
        with pytest.raises(Stuck) as stuck:
            converge(case.situation(kernel, book), kernel, book, nothing)
        assert stuck.value.exit_code == 5
        listed = [note for note in stuck.value.notes if note.startswith("stuck: ")]
        assert len(listed) == number

        kernel.refuse = ()
        converge(case.situation(kernel, book), kernel, book, nothing)
        assert case.situation(kernel, book).todo == ()


@each_case
def test_withdrawing_gives_back_what_was_there(case: Case, tmp_path: Path) -> None:
    if case.withdraws or (case.path / "baseline.json").exists():
        return
    kernel, book = case.kernel(), case.book(tmp_path)
    before = dict(kernel.objects)
    session = FakeSession(kernel, tmp_path)

    from lvsdr.core.workflow import apply, withdraw

    apply(case.profile, kernel, book, session.announcer)
    withdraw(case.profile, kernel, book)

    assert kernel.objects == before
    assert book.load().baseline == {}
    assert book.load().claims == {}
