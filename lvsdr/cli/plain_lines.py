"""Command lines that need no click, whose import alone takes longer than a plan.

Plain is a line of known words: a command of a role, perhaps its profile, at the end perhaps
--format json, as programs type it, and --timings; a drain, with --rip and perhaps --undo; and what
keepalived calls a hook with. Whatever else stands in a line is for click to read, and so are all
help, completion and complaint. A test holds each plain line to what click makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lvsdr.cli.default_profile import default_profile
from lvsdr.cli.session import Session
from lvsdr.model.late_dataclasses import dataclass

Work = Callable[..., int]

TIMINGS = "--timings"
AS_JSON = ["--format", "json"]
# Of `keepalived notify`; they stand before its arguments.
DIRECTOR, REALSERVER, LOG = "--director", "--realserver", "--log"
TYPES = ("INSTANCE", "GROUP")
# Of `director drain`; they stand before or after its profile.
RIP, UNDO = "--rip", "--undo"


@dataclass(frozen=True, slots=True)
class Line:
    """What a plain line asks for: what does its work, loaded once it is run, and with which words.

    An option that is not in the line has the default that is the work's own.
    """

    load: Callable[[], Work]
    words: Mapping[str, object]
    timed: bool = False
    as_json: bool = False

    def run(self, session: Session) -> int:
        """Do the work and return its exit code."""
        if self.as_json:
            session.output = AS_JSON[1]
        if self.timed:
            from lvsdr.cli.stopwatch import start

            start(session)
        return self.load()(session, **self.words)


def plain_line(arguments: Sequence[str]) -> Line | None:
    """Return what a line asks for that is plain; None for any other."""
    command, rest = tuple(arguments[:2]), list(arguments[2:])
    if command == ("keepalived", "notify"):
        return _hook(rest)
    if command == ("director", "drain"):
        return _of_a_drain(rest)
    load = OF_A_ROLE.get(command)
    return None if load is None else _of_a_role(load, command[0], rest)


def _of_a_role(load: Callable[[], Work], role: str, rest: list[str]) -> Line | None:
    timed, as_json = _end_of(rest)
    profile = _profile(role, rest)
    if profile is None:
        return None
    return Line(load, {"profile": profile, "role": role}, timed, as_json)


def _of_a_drain(rest: list[str]) -> Line | None:
    timed, as_json = _end_of(rest)
    if RIP not in rest:
        return None
    # What follows it is an address, whatever it looks like.
    place = rest.index(RIP)
    rip, rest = rest[place + 1 : place + 2], rest[:place] + rest[place + 2 :]
    undo = UNDO in rest
    if undo:
        rest.remove(UNDO)
    profile = _profile("director", rest)
    if profile is None or not rip or not _is_no_option(rip[0]):
        return None
    return Line(_drain, {"profile": profile, "rip": rip[0], "undo": undo}, timed, as_json)


def _profile(role: str, rest: list[str]) -> Path | None:
    """Return the profile that `rest` of a line names, or the usual one; None for anything else."""
    if len(rest) > 1 or not all(map(_is_no_option, rest)):
        return None
    return Path(*rest) if rest else default_profile(role)


def _end_of(rest: list[str]) -> tuple[bool, bool]:
    """Take the options off the end of `rest` that any may have; return which there are."""
    timed = rest[-1:] == [TIMINGS]
    if timed:
        rest.pop()
    as_json = rest[-2:] == AS_JSON
    if as_json:
        del rest[-2:]
    return timed, as_json


def _hook(rest: list[str]) -> Line | None:
    given = _options_of_a_hook(rest)
    if DIRECTOR not in given or len(rest) not in {3, 4}:
        return None
    from lvsdr.keepalived.vrrp_states import STATES

    type_, name, state, *priority = rest
    if type_ not in TYPES or state not in STATES or not _is_no_option(name):
        return None
    if not all(word.isascii() and word.isdigit() and len(word) <= 3 for word in priority):
        return None
    words = {
        "director": Path(given[DIRECTOR]),
        "realserver": Path(given[REALSERVER]) if REALSERVER in given else None,
        "log": LOG in given,
        "type_": type_,
        "name": name,
        "state": state,
        "priority": int(priority[0]) if priority else None,
    }
    return Line(_notify, words)


def _options_of_a_hook(rest: list[str]) -> dict[str, str]:
    """Take the options off `rest` that stand at its beginning, and return them; each comes once."""
    given: dict[str, str] = {}
    while rest and rest[0] in {DIRECTOR, REALSERVER, LOG} - given.keys():
        if rest[0] == LOG:
            given[LOG] = ""
            del rest[0]
        elif len(rest) > 1 and _is_no_option(rest[1]):
            name, given[name] = rest[:2]
            del rest[:2]
        else:
            break
    return given


def _is_no_option(word: str) -> bool:
    return word != "" and not word.startswith("-")


def _plan_director() -> Work:
    from lvsdr.cli.director_verbs import plan

    return plan


def _apply_director() -> Work:
    from lvsdr.cli.director_verbs import apply

    return apply


def _plan_realserver() -> Work:
    from lvsdr.cli.role_verbs import plan

    return plan


def _apply_realserver() -> Work:
    from lvsdr.cli.role_verbs import apply

    return apply


def _withdraw_director() -> Work:
    from lvsdr.cli.director_verbs import withdraw

    return withdraw


def _withdraw_realserver() -> Work:
    from lvsdr.cli.role_verbs import withdraw

    return withdraw


def _drain() -> Work:
    from lvsdr.cli.drain import drain

    return drain


def _notify() -> Work:
    from lvsdr.cli.keepalived_hook import notify

    return notify


OF_A_ROLE: Mapping[tuple[str, ...], Callable[[], Work]] = {
    ("director", "plan"): _plan_director,
    ("director", "apply"): _apply_director,
    ("director", "withdraw"): _withdraw_director,
    ("realserver", "plan"): _plan_realserver,
    ("realserver", "apply"): _apply_realserver,
    ("realserver", "withdraw"): _withdraw_realserver,
}
