"""One owner for each service of the IPVS table: lvsdr sets up none that keepalived has as well."""

from __future__ import annotations

from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.situation import Situation
from lvsdr.errors import CannotRun
from lvsdr.model.ipvs import VirtualServer
from lvsdr.model.objects import Address, Object

KEEPALIVED = "keepalived"
# In words: on one of two directors, what is typed on the other one comes first.
TAKE_IT_OVER = "take it over as lvsdr(8) says, TAKING OVER: its table has to stay when it ends"


def refuse_services_of_keepalived(planned: Situation, kernel: Kernel) -> None:
    """Raise CannotRun where keepalived has a service that lvsdr would take on.

    It would keep another scheduler or real server than the profile's where it finds the service,
    and takes it away whole when it stops. What is lvsdr's already stays so: of that, verify warns.
    """
    ours = planned.record.claims.get(planned.owner, {})
    taken_on = [
        item
        for key, item in planned.desired.items()
        if isinstance(item, VirtualServer) and key not in ours
    ]
    if not taken_on:
        # As nearly always: who else is here need not be looked for.
        return
    for checker in kernel.checkers():
        for item in taken_on if checker.program == KEEPALIVED else ():
            if checker.has(item.service):
                raise CannotRun(
                    f"cannot set up {item.noun} {item.title}: {checker.place} has it as well, and"
                    " keepalived takes it away when it stops",
                    notes=["nothing was changed"],
                    hints=[
                        'write "table_owner": "keepalived" in the profile',
                        f"or {TAKE_IT_OVER}",
                    ],
                )


def refuse_what_others_have(planned: Situation, kernel: Kernel) -> None:
    """Raise CannotRun where a program that lives, or will at boot, has what is to be adopted."""
    services = [each for each in planned.desired.values() if isinstance(each, VirtualServer)]
    for checker in kernel.checkers() if services else ():
        for item in services:
            if checker.has(item.service):
                _refuse(item, checker.program, checker.place, running=checker.running)
    vips = [each for each in planned.desired.values() if isinstance(each, Address)]
    owners = kernel.inspect(lambda _: (), table=False).owners if vips else ()
    for owner in owners:
        for vip in vips if owner.program == KEEPALIVED else ():
            if str(vip.ip.ip) in owner.claims:
                _refuse(vip, owner.program, owner.place)


def _refuse(what: Object, program: str, place: str, *, running: bool = True) -> None:
    when = "when it stops" if running else "at the next boot, when it starts or stops"
    raise CannotRun(
        f"cannot adopt {what.noun} {what.title}: {program} has it ({place}), and takes it away"
        f" {when}",
        notes=["nothing was changed"],
        hints=[TAKE_IT_OVER] if running else [f"systemctl disable {program}"],
    )
