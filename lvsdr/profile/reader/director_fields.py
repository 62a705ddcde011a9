"""From checked data to a director's profile, and the rules that hold between its fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from lvsdr.model.folded_servers import MANY, ReadInColumns
from lvsdr.model.health import Health
from lvsdr.model.ipvs import RealServer, Service, VirtualServer, interned
from lvsdr.model.objects import Key
from lvsdr.model.profile import DirectorProfile, ProbeTarget
from lvsdr.profile.reader.client_networks import client_networks
from lvsdr.profile.reader.ipvs_settings import (
    fit_for_standby,
    of_one_family,
    sync_daemons,
    sysctls,
    timeouts,
)
from lvsdr.profile.reader.network_names import family, host_address, link_name
from lvsdr.profile.reader.probe_targets import probe_target
from lvsdr.profile.reader.real_server_columns import RealServers, Rips, Vips
from lvsdr.profile.reader.refusal import Refusal, misfit
from lvsdr.profile.reader.scheduling import virtual_server
from lvsdr.profile.reader.vip_labels import labelled_vips
from lvsdr.profile.reader.wording import Pointer, pointed

if TYPE_CHECKING:
    from lvsdr.model.servers_in_columns import ServersInColumns
    from lvsdr.profile.reader.entered_service import Entered

Entry = Mapping[str, Any]

MOST_REAL_SERVERS = 1_000_000
# Fields of a virtual server that few have.
BESIDE = frozenset({"health", "sorry_server"})


def director_profile(data: Entry, name: str) -> DirectorProfile:
    """Return the profile that `data` is, with its defaults filled in; raise Refusal."""
    _check_size(data)
    return sized_profile(data, name)


def sized_profile(data: Entry, name: str) -> DirectorProfile:
    """Return the profile that `data` is, which is neither empty nor too large; raise Refusal."""
    interface = link_name(data["interface"], ("interface",))
    labelled = labelled_vips(data["vips"], interface)
    read = Servers(frozenset(vip.address for vip in labelled), data.get("health"))
    read.take(data["virtual_servers"])
    daemons = sync_daemons(data["sync_daemons"], interface)
    servers = read.real_servers
    if daemons:
        of_one_family((*servers, *read.sorry_servers))
    if data["standby"] == "synced":
        fit_for_standby(data)
    return DirectorProfile(
        name,
        interface,
        labelled,
        tuple(read.virtual_servers),
        servers,
        timeouts(data["timeouts"]),
        daemons,
        sysctls(data["sysctls"]),
        data["vips_owner"],
        data["standby"],
        data["arp_flux"],
        client_networks(data.get("clients", ())),
        tuple(read.probes),
        read.health,
        read.own_health,
        tuple(read.sorry_servers),
        data["table_owner"],
        _on_change(data),
    )


def _on_change(data: Entry) -> tuple[str, ...]:
    if "on_change" not in data:
        return ()
    from lvsdr.profile.reader.command_words import command_words  # noqa: PLC0415

    return command_words(data["on_change"], ("on_change",))


def _check_size(data: Entry) -> None:
    fields = ("vips", "virtual_servers", "sync_daemons", "timeouts", "sysctls")
    if not any(data[field] for field in fields):
        raise misfit(
            (),
            "neither vips nor virtual_servers: this director has nothing to do",
            "to give everything back: lvsdr director withdraw",
        )
    many = sum(len(entry["real_servers"]) for entry in data["virtual_servers"])
    if many > MOST_REAL_SERVERS:
        raise misfit(
            ("virtual_servers",),
            f"{many} real servers: lvsdr takes {MOST_REAL_SERVERS} at the most",
            "split it into profiles of different names",
        )


class Entries(Protocol):
    """The virtual servers of a profile as data; each is let go of once it was read."""

    def complete(self, value: Any, /) -> Any:
        """Return a virtual server with every default."""

    def released(self) -> Iterator[Any]:
        """Yield the virtual servers as they were written."""


class Servers:
    """The servers of a profile with these VIPs, as they are read, and how they are checked.

    `checks` is the profile's own field health, None without one.
    """

    def __init__(self, vips: Vips, checks: Entry | None) -> None:
        self.virtual_servers: list[VirtualServer] = []
        self.pieces: list[ServersInColumns] = []
        self.probes: list[ProbeTarget] = []
        self.sorry_servers: list[RealServer] = []
        self.own_health: dict[Service, Health | None] = {}
        self._vips = vips
        self._checks = checks
        self.health = None if checks is None else _health(checks, ("health",))

    def take(self, entries: Entries) -> None:
        """Read the virtual servers that `entries` are, which are let go of one by one."""
        rips = Rips(self._vips)
        services: dict[Service, Pointer] = {}
        for place, given in enumerate(entries.released()):
            entry = entries.complete(given)
            where = ("virtual_servers", place)
            service = interned(_service(entry, where, self._vips))
            first = services.setdefault(service, where)
            if first != where:
                message = f"the same virtual server as {pointed(first)}"
                raise misfit(where, message, "remove one of the two")
            self.virtual_servers.append(virtual_server(entry, where, service))
            servers = _real_servers(entry, where, service, rips)
            if servers.texts:
                self.pieces.append(servers)
            target = probe_target(entry, where, service, self._vips, servers)
            if target is not None:
                self.probes.append(target)
            if self._checks is not None or BESIDE & given.keys():
                # Few profiles have either.
                from lvsdr.profile.reader.entered_service import Entered  # noqa: PLC0415

                entered = Entered(given, where, service, target, servers.objects, self._vips)
                self._beside(entered, rips, entry)

    @property
    def real_servers(self) -> Sequence[RealServer]:
        """Return the real servers; of many, none is an object before somebody asks for it."""
        if sum(map(len, self.pieces)) < MANY:
            return tuple(server for each in self.pieces for server in each)
        return ReadInColumns(self.pieces)

    def _beside(self, entered: Entered, rips: Rips, entry: Entry) -> None:
        """Read who serves while no other does, and how the real servers are checked."""
        from lvsdr.profile.reader.health_checks import checked_service  # noqa: PLC0415
        from lvsdr.profile.reader.sorry_servers import FIELD, sorry_server  # noqa: PLC0415

        if FIELD in entered.given:
            complete = entry["real_servers"].complete
            self.sorry_servers.append(sorry_server(entered, rips, complete))
        made = checked_service(entered, self.health, self._checks)
        if "health" in entered.given:
            self.own_health[entered.service] = made


def _health(checks: Entry, where: Pointer) -> Health | None:
    from lvsdr.profile.reader.health_checks import health  # noqa: PLC0415

    return health(checks, where)


def _service(entry: Entry, where: Pointer, vips: Vips) -> Service:
    if "fwmark" in entry:
        return Service("fwmark", fwmark=entry["fwmark"], family=_family_of_rips(entry, where))
    vip = host_address(entry["vip"], (*where, "vip"), "VIP")
    if vip not in vips:
        known = ", ".join(sorted(str(each) for each in vips)[:3]) or "none"
        raise misfit(
            (*where, "vip"),
            f"{vip} is not among the vips of this profile",
            f"add it to vips, or write one of them: {known}",
        )
    if entry["port"] == 0 and "persistence" not in entry:
        raise misfit(
            (*where, "port"),
            "0 stands for every port, and needs persistence",
            "write the port, or add persistence, for example 300",
        )
    return Service(entry["protocol"], vip, entry["port"], family=family(vip))


def _family_of_rips(entry: Entry, where: Pointer) -> str:
    """Return the family of a mark's first real server, which the others have to share."""
    if not entry["real_servers"]:
        return "inet"
    first = entry["real_servers"][0]["rip"]
    return family(host_address(first, (*where, "real_servers", 0, "rip"), "RIP"))


def _real_servers(entry: Entry, where: Pointer, service: Service, rips: Rips) -> ServersInColumns:
    entries = entry["real_servers"]
    given = list(entries.released())
    reading = RealServers(where, service, rips, entries.complete)
    try:
        return reading.read(given)
    except Refusal:
        # Of all of them at once: told is the one to mend first.
        seen: dict[Key, int] = {}
        for place, each in enumerate(given):
            (server,) = reading.read([each], place)
            if seen.setdefault(server.key, place) != place:
                first = pointed((*where, "real_servers", seen[server.key]))
                message = f"the same real server as {first}"
                here = (*where, "real_servers", place)
                raise misfit(here, message, "remove one of the two") from None
        raise
