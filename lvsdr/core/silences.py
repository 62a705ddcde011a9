"""What a plan takes from others: the addresses that this host will no longer answer for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.situation import Situation
from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Plan
from lvsdr.model.host import Host
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Address, Sysctl
from lvsdr.model.profile import Profile
from lvsdr.model.silence import Silence, told


def falling_silent(profile: Profile, situation: Situation, kernel: Kernel) -> tuple[Silence, ...]:
    """Return what would fall silent on ARP once the plan of `situation` is carried out.

    VIPs of any profile of this host are left out. Where the plan changes no setting of ARP, which
    is so once it was carried out, nothing is read.
    """
    settings = dict(_settings(situation.todo))
    if not settings:
        return ()
    # Most plans change none.
    from lvsdr.rules.host import arp_silences  # noqa: PLC0415

    spared = {*profile.vips, *_claimed(situation)}

    def after(host: Host) -> Host:
        return replace(host, sysctls={**host.sysctls, **settings})

    host = kernel.inspect(
        lambda seen: arp_silences.packets(seen, after(seen), spared), table=False, others=False
    )
    return tuple(arp_silences.silences(host, after(host), spared))


def refuse(silences: Iterable[Silence]) -> None:
    """Raise CannotRun, naming each of `silences`, if there is any."""
    lines = list(told(silences))
    if lines:
        raise CannotRun(
            "cannot silence this host: it answers ARP for more than its VIPs, and the profile says"
            ' "silences": "refuse"',
            notes=lines,
            hints=['write "silences": "warn" in the profile where nobody needs these answers'],
        )


def _settings(todo: Plan) -> Iterator[tuple[str, str]]:
    for change in todo:
        if isinstance(change.after, Sysctl) and change.after.path.endswith("/arp_ignore"):
            yield change.after.path, change.after.value


def _claimed(situation: Situation) -> Iterator[IPAddress]:
    """Yield the addresses that profiles have put on this host: VIPs, of whichever role."""
    for claims in situation.record.claims.values():
        yield from (item.ip.ip for item in claims.values() if isinstance(item, Address))
