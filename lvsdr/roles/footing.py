"""What both roles need of the link they talk on, refused before anything is touched."""

from __future__ import annotations

from lvsdr.errors import CannotRun
from lvsdr.model.survey import Survey, SurveyedLink


def talking_link(interface: str, survey: Survey) -> SurveyedLink:
    """Return the link `interface`; raise CannotRun where no VIP traffic can arrive on it."""
    link = survey.links.get(interface)
    if link is None:
        raise CannotRun(
            f"cannot use link {interface}: no such link",
            hints=[f"the links of this host: {', '.join(sorted(survey.links))}"],
        )
    if link.enslaved:
        raise CannotRun(
            f"cannot use link {interface}: it is a part of {link.master}, which speaks for it",
            hints=[f'write "interface": "{link.master}" in the profile'],
        )
    if not link.arp:
        raise CannotRun(
            f"cannot use link {interface}: it has NOARP, nobody can find this host through it",
            hints=[f"ip link set {interface} arp on"],
        )
    return link
