"""Every change of every plan is refused once, for every reason: the host is as it was."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from cases import Case, all_cases
from fake import FakeKernel
from lvsdr.core.book import Book
from lvsdr.core.withdrawal import plan_withdrawal
from lvsdr.core.workflow import converge
from lvsdr.errors import KernelError, Stuck
from lvsdr.model.change import Change, Plan
from lvsdr.model.objects import Key, Object

ERRNOS = (
    errno.EPERM,
    errno.EEXIST,
    errno.ENOENT,
    errno.EBUSY,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EINTR,
    errno.ENODEV,
)
each_case = pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.path.name)


class StubbornKernel(FakeKernel):
    """A fake kernel that can also take a change and say no all the same (`refuse_taken`)."""

    refuse_taken: Collection[int] = ()

    def _take(self, change: Change) -> None:
        super()._take(change)
        if len(self.sent) - 1 in self.refuse_taken:
            raise KernelError(f"cannot {change.verb} {change.subject}", errno=self.errno)


def stubborn(case: Case) -> StubbornKernel:
    plain = case.kernel()
    kernel = StubbornKernel(plain.bare, plain.objects)
    kernel.takes_along = plain.takes_along
    return kernel


def planned(case: Case, root: Path) -> Plan:
    return case.situation(case.kernel(), case.book(root)).todo


def run(case: Case, kernel: FakeKernel, root: Path) -> None:
    book = case.book(root)
    converge(case.situation(kernel, book), kernel, book, lambda: None)


def again(case: Case, kernel: FakeKernel, root: Path) -> None:
    """Run a second time, with the record that the first has left."""
    book = Book("case", root)
    converge(case.situation(kernel, book), kernel, book, lambda: None)


def undo_said_for(number: int) -> str:
    if not number:
        return "nothing was changed; the host is as it was"
    changes = "1 change" if number == 1 else f"{number} changes"
    return f"{changes} undone; the host is as it was"


def record_in(root: Path) -> bytes | None:
    path = root / "case.json"
    return path.read_bytes() if path.exists() else None


def refused(case: Case, kernel: StubbornKernel, root: Path) -> KernelError:
    with pytest.raises(KernelError) as caught:
        run(case, kernel, root)
    return caught.value


@pytest.fixture
def tmp_path(in_memory: Path) -> Path:
    return in_memory


@each_case
def test_whatever_the_reason_a_refused_change_leaves_the_host_as_it_was(
    case: Case, tmp_path: Path
) -> None:
    todo = planned(case, tmp_path)
    record = record_in(tmp_path)

    for number, change in enumerate(todo):
        for reason in ERRNOS:
            kernel = stubborn(case)
            before = dict(kernel.objects)
            kernel.refuse, kernel.errno = {number}, reason

            error = refused(case, kernel, tmp_path)

            assert kernel.objects == before
            assert record_in(tmp_path) == record
            assert (error.exit_code, error.errno) == (3, reason)
            assert error.message == f"cannot {change.verb} {change.subject}"
            assert error.notes == [undo_said_for(number)]


@each_case
def test_a_change_that_was_taken_and_refused_all_the_same_is_undone_with_the_others(
    case: Case, tmp_path: Path
) -> None:
    todo = planned(case, tmp_path)
    record = record_in(tmp_path)

    for number in range(len(todo)):
        for reason in ERRNOS:
            kernel = stubborn(case)
            before = dict(kernel.objects)
            kernel.refuse_taken, kernel.errno = {number}, reason

            error = refused(case, kernel, tmp_path)

            assert kernel.objects == before
            assert record_in(tmp_path) == record
            assert (error.exit_code, error.errno) == (3, reason)
            assert error.notes == [undo_said_for(number + 1)]
            undone = [change.inverse() for change in reversed(todo[: number + 1])]
            assert kernel.sent == [*todo[: number + 1], *undone]


def stuck_at(todo: Plan) -> Iterator[tuple[int, int, Change]]:
    """Yield each refused change, each change refused while undoing it, and that change."""
    for number in range(1, len(todo)):
        for position, done in enumerate(reversed(todo[:number])):
            yield number, number + 1 + position, done.inverse()


def left_stuck(case: Case, root: Path, number: int, second: int) -> tuple[StubbornKernel, Stuck]:
    kernel = stubborn(case)
    kernel.refuse = {number, second}
    with pytest.raises(Stuck) as stuck:
        run(case, kernel, root)
    return kernel, stuck.value


@each_case
def test_a_first_refusal_while_undoing_is_listed_and_the_rest_is_undone_nevertheless(
    case: Case, tmp_path: Path
) -> None:
    todo = planned(case, tmp_path)

    for number, second, change in stuck_at(todo):
        kernel, error = left_stuck(case, tmp_path / f"{number}-{second}", number, second)

        assert error.exit_code == 5
        verb = f"cannot {change.verb} {change.subject}"
        assert error.notes == [verb, f"stuck: {change.sign} {change.subject}"]
        assert error.hints == ["mend what is listed, then run the same command again"]
        assert error.message == (
            f"cannot {todo[number].verb} {todo[number].subject}; undoing it failed too"
        )
        assert differing(kernel, case) == {change.key}


def differing(kernel: FakeKernel, case: Case) -> set[Key]:
    before = case.kernel().objects
    keys = kernel.objects.keys() | before.keys()
    return {key for key in keys if kernel.objects.get(key) != before.get(key)}


@each_case
def test_after_a_first_refusal_while_undoing_the_next_run_gets_there(
    case: Case, tmp_path: Path
) -> None:
    straight = stubborn(case)
    run(case, straight, tmp_path / "straight")
    todo = planned(case, tmp_path)

    for number, second, _ in stuck_at(todo):
        root = tmp_path / f"{number}-{second}"
        kernel, _ = left_stuck(case, root, number, second)
        kernel.refuse = ()
        again(case, kernel, root)

        assert kernel.objects == straight.objects
        assert record_in(root) == record_in(tmp_path / "straight")


@each_case
def test_after_a_first_refusal_while_undoing_a_withdrawal_gives_back_all_the_same(
    case: Case, tmp_path: Path
) -> None:
    expected = withdrawn(case, stubborn(case), tmp_path / "straight", fresh=True)

    for number, second, _ in stuck_at(planned(case, tmp_path)):
        root = tmp_path / f"{number}-{second}"
        kernel, _ = left_stuck(case, root, number, second)
        kernel.refuse = ()

        assert withdrawn(case, kernel, root, fresh=False) == expected


def withdrawn(case: Case, kernel: FakeKernel, root: Path, *, fresh: bool) -> dict[Key, Object]:
    """Return what is there after a withdrawal, with the case's record where `fresh`."""
    book = case.book(root) if fresh else Book("case", root)
    converge(plan_withdrawal(case.profile, kernel, book), kernel, book, lambda: None)
    return kernel.objects
