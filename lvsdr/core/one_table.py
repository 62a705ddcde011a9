"""One owner for each service of the IPVS table: lvsdr sets up none that keepalived has as well."""

from __future__ import annotations

from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.situation import Situation
from lvsdr.errors import CannotRun
from lvsdr.model.ipvs import VirtualServer

KEEPALIVED = "keepalived"


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
                        f"or remove its virtual_server from {checker.place}, and let keepalived"
                        " read that again",
                    ],
                )
