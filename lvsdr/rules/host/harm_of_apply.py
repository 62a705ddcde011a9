"""What an apply would do beside mending: while it harms, no finding tells anybody to type it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from lvsdr.model.address import IPAddress
from lvsdr.model.arp_settings import leaks, path_of
from lvsdr.model.change import Change, Plan
from lvsdr.model.finding import Finding
from lvsdr.model.foreign_program import Owner
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Address, Sysctl
from lvsdr.model.path import Proof
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile, command
from lvsdr.rules.host import own_answers
from lvsdr.rules.host.link_switches import silenced_by_ignoring


def harm_of_apply(profile: Profile, todo: Plan, host: Host) -> str:
    """Return whom an apply of `todo` would harm, empty where nobody is known to be."""
    if not isinstance(profile, DirectorProfile):
        return _silences(profile, todo, host)
    checker = next(filter(_checks, host.owners), None)
    back = next(filter(_puts_back, todo), None)
    if checker is not None and back is not None:
        return (
            f"{checker.program} ({checker.place}) checks real servers here, and may have taken"
            f" {back.subject} out because it does not serve"
        )
    gone = next(filter(_takes_away, todo), None)
    if gone is not None:
        return f"it takes {gone.subject} away, with the connections of those who are served by it"
    return _leaves_to_the_silent(profile, todo, host)


def put_back(todo: Plan) -> frozenset[IPAddress]:
    """Return the real servers that an apply of `todo` would put back into services that are there.

    Somebody may have taken them out: a checker elsewhere, a script, a person.
    """
    whole = {change.key for change in todo if isinstance(change.after, VirtualServer)}
    back = (change.after for change in todo if _puts_back(change))
    servers = (each for each in back if isinstance(each, RealServer))
    return frozenset(each.rip for each in servers if each.parent_key not in whole)


def harm_of_putting_back(
    found: Iterable[Finding], back: Collection[IPAddress], proofs: Iterable[Proof]
) -> str:
    """Return that an apply would lead clients to where nobody serves, as far as that is known."""
    verdicts: dict[IPAddress, set[str | None]] = {}
    for proof in proofs:
        verdicts.setdefault(proof.path.rip, set()).add(proof.verdict)
    rips = [each.rip for each in found if each.rule == "DRIFT" and each.rip is not None]
    for rip in rips:
        if verdicts.get(rip, set()) - {"served", None}:
            return f"real server {rip} does not serve, and clients would be sent to it"
    for rip in rips:
        if rip in back and verdicts.get(rip) != {"served"}:
            return f"whether real server {rip} serves is not known, and somebody has taken it out"
    return ""


def without_harm(found: Iterable[Finding], profile: Profile, reason: str) -> tuple[Finding, ...]:
    """Return findings whose hints do not begin with an apply that does harm, or is refused."""
    return tuple(_without(each, command(profile, "apply"), reason) for each in found)


def _without(finding: Finding, apply: str, reason: str) -> Finding:
    if not reason or finding.on or not _begins(finding.hint, apply):
        return finding
    return replace(finding, hint="", look=f"{finding.hint}, but first: {reason}")


def _begins(hint: str, apply: str) -> bool:
    return hint == apply or hint.startswith(f"{apply} &&")


def for_the_director(
    heard: Iterable[Finding], profile: DirectorProfile, found: Collection[Finding], director: str
) -> Iterator[Finding]:
    """Yield findings, those for `director` as their remedy is on this host, which is one.

    `found` is what is known of this host otherwise.
    """
    apply = command(profile, "apply")
    # Where that mends and harms nobody, what is known of this host says so.
    harmless = any(_begins(each.hint, apply) for each in found)
    for each in heard:
        if each.on != director:
            yield each
        elif each.rule.endswith("-NOBODY") and harmless:
            yield replace(each, on="", hint=apply, look="")
        else:
            elsewhere = each.rule.endswith("-NOBODY") or not each.look
            look = "what else is found on this host: it is the director"
            yield replace(each, on="", look=look if elsewhere else each.look)


def _silences(profile: RealServerProfile, todo: Plan, host: Host) -> str:
    """Return the other addresses for which the host answers ARP now, and would not afterwards."""
    settings = (each.subject for each in todo if isinstance(each.subject, Sysctl))
    quiet = any(each.path.endswith("/arp_ignore") for each in settings)
    loud = (link.name for link in host.links.values() if link.speaks_arp and leaks(link.name, host))
    silent = [
        f"{address} on {link}"
        for link in loud
        for address in silenced_by_ignoring(link, profile.vips, host)
        if not any(
            host.speaks_arp(other) and host.same_segment(link, other)
            for other in host.links_with(address)
        )
    ]
    if not quiet or not silent:
        return ""
    return f"this host would no longer answer ARP for {', '.join(silent)}"


def _leaves_to_the_silent(profile: DirectorProfile, todo: Plan, host: Host) -> str:
    """Return for which VIP of keepalived's use_vmac nobody would answer any more.

    Linux 7.2 refuses what keepalived sets on its macvlan: it does not answer, and the interface
    does in its place.
    """
    quiet = any(
        each.key == Sysctl(path_of("arp_ignore", profile.interface), "").key for each in todo
    )
    if not quiet or profile.vips_owner != "keepalived":
        return ""
    for vip in profile.vips:
        holder = host.holder_on_wire(vip, profile.interface)
        by = own_answers.answering_links(vip, profile.interface, host)
        if holder not in (None, profile.interface) and holder not in by:
            return (
                f"nobody would answer for {vip}: {holder}, which has it, does not; keepalived's log"
                f" says whether the kernel refused its settings (Unable to set parameters)"
            )
    return ""


def _checks(owner: Owner) -> bool:
    """Return whether a program takes real servers out: keepalived, where it has virtual servers."""
    services = owner.program == "keepalived" and any(" " in claim for claim in owner.claims)
    return services or owner.program == "ldirectord"


def _puts_back(change: Change) -> bool:
    was, wanted = change.before, change.after
    if not isinstance(wanted, RealServer) or not wanted.weight:
        return False
    return was is None or (isinstance(was, RealServer) and not was.weight)


def _takes_away(change: Change) -> bool:
    return change.after is None and isinstance(change.before, RealServer | VirtualServer | Address)
