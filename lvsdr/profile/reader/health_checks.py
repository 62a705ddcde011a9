"""Health checks of a profile, and whether they can work for the services that they are for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lvsdr.model.health import Check, CommandCheck, Health, HttpCheck, PathCheck, UdpCheck
from lvsdr.profile.reader.command_words import command_words
from lvsdr.profile.reader.entered_service import Entered
from lvsdr.profile.reader.network_names import family
from lvsdr.profile.reader.refusal import misfit
from lvsdr.profile.reader.wording import Pointer, pointed

Entry = Mapping[str, Any]

FIELD = "health"
OTHER = 'give it a health of its own, for example {"check": "path"}, or null for none'


def health(entry: Entry | None, where: Pointer, base: Entry | None = None) -> Health | None:
    """Return the checks that an entry asks for, None for none of them; raise Refusal.

    What it does not say is as in `base`, the entry of the profile, or else the default.
    """
    if entry is None:
        return None
    told = {**(base or {}), **entry}
    made = Health(
        **{name: kind(told[name]) for name, kind in KINDS.items() if name in told},
        check=_check(told.get("check", "path"), (*where, "check")),
    )
    if not MOST >= made.interval >= LEAST:
        raise misfit(
            (*where, "interval"),
            f"it is not between {LEAST} and {MOST}",
            "in seconds, for example 1",
        )
    if not 0 < made.timeout <= made.interval:
        at = "timeout" if "timeout" in entry or "interval" not in entry else "interval"
        raise misfit(
            (*where, at),
            f"a timeout of {made.timeout:g} s is more than the interval, {made.interval:g} s",
            f"write a timeout of at most {made.interval:g},"
            f" or an interval of at least {made.timeout:g}",
        )
    return made


# NaN is within no limits, and jsonschema lets it pass.
LEAST, MOST = 0.1, 3600
KINDS: Mapping[str, Any] = {
    "interval": float,
    "timeout": float,
    # Draft-07 takes 2.0 for an integer.
    "fall": int,
    "rise": int,
    "action": str,
    "when_all_fail": str,
}


def checked_service(entered: Entered, made: Health | None, base: Entry | None) -> Health | None:
    """Return how the real servers of a service are checked, by itself or as the profile says.

    `made` is the health of the profile, of the entry `base`. Raises Refusal where they cannot be
    checked so.
    """
    own = FIELD in entered.given
    where = (*entered.where, FIELD)
    if own:
        made = health(entered.given[FIELD], where, base)
    reason = None if made is None else _unfit(made.check, entered)
    if reason is None:
        return made
    message, hint = reason
    if own:
        raise misfit((*where, "check"), message, hint)
    raise misfit(entered.where, f"{message}, by {pointed((FIELD, 'check'))}", hint, OTHER)


def _unfit(check: Check, entered: Entered) -> tuple[str, str] | None:
    """Return why a check cannot work, and what to do; None where it can."""
    if isinstance(check, PathCheck):
        return _nowhere(entered)
    if isinstance(check, CommandCheck):
        return None
    name, wanted = ("http", "tcp") if isinstance(check, HttpCheck) else ("udp", "udp")
    protocol, port = entered.asked
    if not port:
        return (
            f"{name} cannot be asked: this virtual server does not say at which port",
            f"add probe_port{_of(entered, wanted)}, a port on which the real servers serve",
        )
    if protocol != wanted:
        return f"{name} is for {wanted}, and this virtual server is {protocol}", "write path"
    return _nowhere(entered)


def _of(entered: Entered, wanted: str) -> str:
    return (
        f" and probe_protocol {wanted}" if entered.service.vip is None and wanted != "tcp" else ""
    )


def _nowhere(entered: Entered) -> tuple[str, str] | None:
    """Return what is told where there is no VIP to ask at."""
    service, target = entered.service, entered.target
    if service.vip is not None or (target is not None and target.vip is not None):
        return None
    known = any(family(vip) == service.family for vip in entered.vips)
    if known or all(each.forwarding_method == "masquerade" for each in entered.servers):
        return None
    return "the real servers cannot be asked: there is no VIP of this mark to ask at", (
        "add probe_vip, an address that has this mark"
    )


def _check(told: Any, where: Pointer) -> Check:
    """Return the check that `told` names, which has one name; raise Refusal."""
    if isinstance(told, str):
        return PathCheck()
    ((name, entry),) = told.items()
    if name == "http":
        return HttpCheck(
            entry.get("path", "/"),
            entry.get("host"),
            _statuses(entry["status"], (*where, name, "status"))
            if "status" in entry
            else HttpCheck().statuses,
            entry.get("contains"),
        )
    if name == "udp":
        return UdpCheck(bytes.fromhex(entry["send"]), bytes.fromhex(entry.get("expect", "")))
    return CommandCheck(command_words(entry, (*where, name)))


def _statuses(text: str, where: Pointer) -> tuple[tuple[int, int], ...]:
    ranges = []
    for each in re.split(", ?", text):
        first, _, last = each.partition("-")
        low, high = int(first), int(last or first)
        if low > high:
            raise misfit(
                where, f"{low} is more than {high}", f"write {high}-{low}: the lower one first"
            )
        ranges.append((low, high))
    return tuple(ranges)
