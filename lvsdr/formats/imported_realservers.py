"""The real servers' profiles that follow from a director's: who holds which VIPs, and on what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lvsdr.model.finding import WARNING, Finding
from lvsdr.model.holder_kinds import HOLDERS_OF_TUNNELS
from lvsdr.model.imported import Document, lost

USUAL = "dummy"
# More kinds of real servers than these share their profiles.
MOST_KINDS = 16
Entry = Mapping[str, Any]


def realserver_documents(
    director: Document, interface: str, file: str
) -> tuple[dict[str, Document], tuple[Finding, ...]]:
    """Return the profiles of the real servers that hold VIPs, by the stem of their file.

    One for all of them, or one for each set of VIPs and holder, which then say for which RIPs they
    are; of too many sets, one for each holder, and the finding that says so of `file`. Real servers
    of masquerade hold none, and neither do those of a mark that no VIP has.
    """
    found = _documents(director, interface)
    if len(found) <= MOST_KINDS:
        return found, ()
    meant = f"{len(found)} kinds of real servers share their profiles, with the VIPs of all of them"
    instead = "leave out what such a host does not serve"
    return _shared(found), (lost(file, 0, meant, instead, WARNING),)


def _documents(director: Document, interface: str) -> dict[str, Document]:
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    order = {each["address"]: place for place, each in enumerate(director.get("vips", ()))}
    for rip, held in _held(director).items():
        for holder in dict.fromkeys(held.values()):
            mine = (vip for vip, on in held.items() if on == holder)
            vips = tuple(sorted(mine, key=lambda vip: order.get(vip, len(order))))
            alike.setdefault((holder, vips), []).append(rip)
    stems = _stems([holder for holder, _ in alike])
    return {
        stem: _document(interface, holder, vips, rips if len(alike) > 1 else ())
        for stem, ((holder, vips), rips) in zip(stems, alike.items(), strict=True)
    }


def _shared(realservers: Mapping[str, Document]) -> dict[str, Document]:
    """Return one profile for each kind of holder, with the VIPs and RIPs of all that have it."""
    merged: dict[str, Document] = {}
    for each in realservers.values():
        holder = each.get("holder", USUAL)
        shared = merged.setdefault(f"realserver-{holder}", {**each, "vips": [], "rips": []})
        for name in ("vips", "rips"):
            shared[name] += each[name]
    for each in merged.values():
        each |= {name: list(dict.fromkeys(each[name])) for name in ("vips", "rips")}
    if len(merged) > 1:
        return merged
    (alone,) = merged.values()
    del alone["rips"]
    return {"realserver": alone}


def vips_of_marks(director: Document) -> dict[int, list[str]]:
    """Return the VIPs that firewall marks may stand for, as verify takes it, by IP's version."""
    named = {each.get("vip") for each in director.get("virtual_servers", ())}
    found: dict[int, list[str]] = {4: [], 6: []}
    for each in director.get("vips", ()):
        found[6 if ":" in each["address"] else 4].append(each["address"])
    return {
        version: [vip for vip in vips if vip not in named] or vips
        for version, vips in found.items()
    }


def _held(director: Document) -> dict[str, dict[str, str]]:
    """Return for each RIP, in their order, on what it holds which VIP."""
    held: dict[str, dict[str, str]] = {}
    ends: dict[tuple[str, bool], str] = {}
    of_marks = vips_of_marks(director)
    for server in director.get("virtual_servers", ()):
        vips = _vips(server, of_marks)
        for each in _servers(server):
            mine = held.setdefault(each["rip"], {}) if vips else {}
            for vip in vips:
                mine[vip] = USUAL
                end = _end(each, vip)
                if end != USUAL:
                    ends.setdefault((each["rip"], ":" in vip), end)
    # The end of a tunnel holds the VIPs as well for what comes outside of one.
    for (rip, six), end in ends.items():
        held[rip] |= {vip: end for vip in held[rip] if (":" in vip) == six}
    return held


def _vips(server: Entry, of_marks: Mapping[int, list[str]]) -> list[str]:
    if "vip" in server or "probe_vip" in server:
        return [server.get("vip") or server["probe_vip"]]
    rips = server.get("real_servers", ())
    return of_marks[6 if rips and ":" in rips[0]["rip"] else 4]


def _servers(server: Entry) -> Iterator[Entry]:
    sorry = [server["sorry_server"]] if "sorry_server" in server else []
    for each in (*server.get("real_servers", ()), *sorry):
        if each.get("forwarding_method", "dr") != "masquerade":
            yield each


def _end(server: Entry, vip: str) -> str:
    if server.get("forwarding_method", "dr") != "tunnel":
        return USUAL
    # GUE hands on what is in it as IPIP does.
    kind = server.get("tunnel_type", "ipip").replace("gue", "ipip")
    around = 6 if ":" in server["rip"] else 4
    return HOLDERS_OF_TUNNELS.get((kind, 6 if ":" in vip else 4, around), USUAL)


def _stems(holders: Sequence[str]) -> list[str]:
    if len(holders) == 1:
        return ["realserver"]
    if len(set(holders)) == len(holders):
        return [f"realserver-{holder}" for holder in holders]
    return [f"realserver-{number}" for number in range(1, len(holders) + 1)]


def _document(interface: str, holder: str, vips: Sequence[str], rips: Sequence[str]) -> Document:
    return {
        "role": "realserver",
        "interface": interface,
        **({} if holder == USUAL else {"holder": holder}),
        "vips": list(vips),
        **({"rips": list(rips)} if rips else {}),
    }
