"""The instances of keepalived.conf judged by what keepalived does not start without.

Measured with 2.2.7: one such instance, and VRRP ends for all of them, at its start.
"""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.host_conf import HostConf
from lvsdr.model.finding import ERROR, Finding


def instance_faults(host: HostConf) -> Iterator[Finding]:
    """Yield the instances that keepalived does not start with, and the one that it leaves out."""
    seen: dict[str, str] = {}
    conf = host.conf
    somewhere = any(conf.global_defs("default_interface"))
    for each in host.instances:
        block, where = each.router.block, each.router.where
        if "$" in each.name:
            # What names stand for was more than is read, or is not known.
            continue
        if each.name in seen:
            text = f"there is a {each.name} at {seen[each.name]} already: it is left out"
            yield _fault(conf, where, text, "give it another name")
            continue
        seen[each.name] = where
        ids = [line.word for line in block.all("virtual_router_id")]
        if not 0 < each.router.number < 256 and not any("$" in said for said in ids):
            said = f"virtual_router_id {ids[-1]} is not 1 to 255" if ids else "no virtual_router_id"
            yield _fault(
                conf, where, f"{each.name}: {said}", "write one, the same on each director"
            )
        links = [line.word for line in block.all("interface")]
        if links[-1:] == ["lo"] or not (links or somewhere or each.source):
            said = "no vrrp on the interface lo" if links else "no interface"
            yield _fault(
                conf, where, f"{each.name}: {said}", "write the link to the other director"
            )


def _fault(conf: Configuration, where: str, text: str, look: str) -> Finding:
    text = f"{where}: {text}" + ("" if "left out" in text else ": keepalived does not start")
    return Finding("KEEPALIVED-INSTANCE", ERROR, conf.file, text, look=look)
