"""What asks real servers on the wire for a keeper: one checker for each link and kind of check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from lvsdr.keeper.check_targets import LOCAL, WORDS, Target
from lvsdr.keeper.checker import Asking
from lvsdr.keeper.command_checker import Command, CommandChecker
from lvsdr.keeper.gateway_witness import Gateway
from lvsdr.keeper.no_way_checker import NoWayChecker
from lvsdr.kernel.views.local_services import LocalChecker
from lvsdr.model.address import IPAddress
from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.health import CommandCheck, HttpCheck
from lvsdr.model.path import RealServerRoute
from lvsdr.wire.checks.link_checker import LinkChecker
from lvsdr.wire.checks.path_checker import PathChecker
from lvsdr.wire.link_flags import link_runs

Numbered = tuple[int, Target]
# HTTP by ordinary connections of the kernel's.
SOCKETS = "sockets"
# Where a program that fails says nothing of the real server.
NO_WAYS = ("no-route", "no-source")


def open_checkers(
    gateways: Callable[[str], Sequence[IPAddress]], targets: Sequence[Target]
) -> Sequence[Asking]:
    """Open what asks `targets`, each by its place; `gateways` are those on a link.

    Raises CannotRun without the privilege to send frames.
    """
    found: list[Asking] = []
    with ExitStack() as stack:
        for asking in _askings(gateways, targets):
            stack.callback(asking.checker.close)
            found.append(asking)
        stack.pop_all()
    return found


def _askings(
    gateways: Callable[[str], Sequence[IPAddress]], targets: Sequence[Target]
) -> Iterator[Asking]:
    for kind, each in _by_kind(enumerate(targets)).items():
        numbers = frozenset(number for number, _ in each)
        if kind == "command":
            commands = {number: _command(target) for number, target in each}
            yield Asking(CommandChecker(commands, runs=link_runs), numbers)
        elif kind == SOCKETS:
            from lvsdr.wire.checks.http_socket_checker import HttpSocketChecker

            yield Asking(HttpSocketChecker(_checked(each)), numbers)
        elif kind == LOCAL:
            yield Asking(LocalChecker((number, it.path) for number, it in each), numbers)
        elif isinstance(kind, str):
            timeouts = {number: target.health.timeout for number, target in each}
            yield Asking(NoWayChecker(timeouts, WORDS["no-route"]), numbers)
        else:
            link, http = kind
            witnesses, made = tuple(gateways(link)), _http if http else PathChecker
            checker = made(link, _checked(each), witnesses)
            gateway = Gateway(partial(checker.witness, witnesses), checker.witnessed)
            yield Asking(checker, numbers, gateway if witnesses else None, patient=not http)


def _by_kind(
    targets: Iterable[Numbered],
) -> dict[str | tuple[str, bool], list[Numbered]]:
    """Return the targets by what asks them: on a link whether by HTTP; else a word."""
    found: dict[str | tuple[str, bool], list[Numbered]] = {}
    for number, target in targets:
        check, route = target.health.check, target.route
        kind: str | tuple[str, bool] = "command"
        if not isinstance(check, CommandCheck):
            kind = route if isinstance(route, str) else _kind_on_link(route.link, target)
        found.setdefault(kind, []).append((number, target))
    return found


def _kind_on_link(link: str, target: Target) -> str | tuple[str, bool]:
    http, path = isinstance(target.health.check, HttpCheck), target.path
    if http and (path.vip is None or not path.sees_vip):
        # Its answers are for an address of this host, whose kernel would reset what it has not
        # opened itself.
        return SOCKETS
    return link, http


def _http(link: str, checked: Iterable[CheckedPath], witnesses: Iterable[IPAddress]) -> LinkChecker:
    # A parser of HTTP is a tenth of the memory of a keeper that has no use for it.
    from lvsdr.wire.checks.http_checker import HttpChecker

    return HttpChecker(link, checked, witnesses)


def _checked(targets: Iterable[Numbered]) -> Iterator[CheckedPath]:
    for number, each in targets:
        assert isinstance(each.route, RealServerRoute), "it is asked on a link"
        health = each.health
        yield CheckedPath(number, each.path, each.route, health.check, health.timeout)


def _command(target: Target) -> Command:
    check, path = target.health.check, target.path
    assert isinstance(check, CommandCheck), "it is asked by a command"
    vip = "-" if path.vip is None else str(path.vip)
    words = (*check.words, vip, str(path.port), str(path.rip))
    link = None if target.route in NO_WAYS else ""
    if isinstance(target.route, RealServerRoute):
        link = target.route.link
    return Command(words, target.health.timeout, link)
