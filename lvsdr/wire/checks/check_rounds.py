"""When silent real servers are asked again, and when they have been silent for long enough.

A question of its own each time: its answer is as likely as that of the first. With a loss of 20 %
in each direction a question stays unanswered by a probability of 1 - 0.8 * 0.8 = 0.36. A check of
six questions fails by mistake once in 460 (0.36 ** 6 = 0.0022), the next one of twenty once in 750
million (0.36 ** 20 = 1.3e-9). Both in a row: 2.9e-12; of one real server that is checked each
second, 1e-8 times in an hour, and of 10,000 real servers 1e-4 times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.model.health import TRIES, TRIES_IN_DOUBT
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.wire.checks.budget import Budget
from lvsdr.wire.checks.watched_path import Check

# Of very many that are silent each gets so many questions, whatever that takes, and more as the
# rate allows.
_LEAST = 4
# Questions that are asked again, a second.
_RATE = 10_000
_SHORTLY = 0.005


@dataclass(slots=True, eq=False)
class Round:
    """Checks that were begun together, and have to be asked together again at `next`.

    `turn` counts how often that was done of `turns`, `spacing` seconds apart.
    """

    waiting: dict[int, Check]
    turns: int
    spacing: float
    next: float
    turn: int = 1


class CheckRounds:
    """The rounds under way, the checks of which are to be asked again, or over."""

    def __init__(self, now: float) -> None:
        self._rounds: list[Round] = []
        self._budget = Budget(_RATE, now)

    def begin(self, checks: Iterable[tuple[Check, bool]], now: float) -> None:
        """Take checks that are asked for the first time; True for those that are doubtful."""
        found: dict[tuple[float, bool], dict[int, Check]] = {}
        for check, doubtful in checks:
            item = check.watched.item
            check.waiting = found.setdefault((item.timeout, doubtful), {})
            check.waiting[item.number] = check
        for (timeout, doubtful), waiting in found.items():
            turns = TRIES_IN_DOUBT if doubtful else TRIES
            spacing = timeout / turns
            self._rounds.append(Round(waiting, turns, spacing, now + spacing))

    def clear(self) -> None:
        """Ask nothing any more."""
        self._rounds.clear()

    def due(self) -> float | None:
        """Return when the next round has its turn; None where nobody is waited for."""
        return min((each.next for each in self._rounds if each.waiting), default=None)

    def turns(self, now: float) -> Iterator[tuple[list[Check], bool, bool]]:
        """Yield the checks whose turn it is, whether to ask them, and whether they are over.

        Those asked least often come first: of them it is least known whether they are silent.
        """
        due = [each for each in self._rounds if each.next <= now and each.waiting]
        self._rounds = [each for each in self._rounds if each.waiting]
        for each in sorted(due, key=_turn):
            if each not in self._rounds:
                # The link went down over one before it: nothing is waited for any more.
                return
            waiting = list(each.waiting.values())
            if each.turn >= each.turns:
                self._rounds.remove(each)
                yield waiting, False, True
                continue
            spent = self._budget.spent(now)
            if spent and each.turn < _LEAST:
                each.next = now + _SHORTLY
                continue
            each.turn += 1
            # Never less than that after the last question, however late we are.
            each.next = max(each.next, now - each.spacing / 2) + each.spacing
            if not spent:
                self._budget.spend(len(waiting))
            yield waiting, not spent, False


def _turn(each: Round) -> int:
    return each.turn
