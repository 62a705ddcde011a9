"""The noun for keepalived.conf: as one host reads it, includes done and conditions applied.

All that anybody wants to know of a configuration is taken from it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from lvsdr.formats.keepalived.conf_syntax import Block, Line, parsed
from lvsdr.formats.keepalived.host_lines import MOST_HOSTS, HostReader
from lvsdr.formats.keepalived.virtual_routers import (
    PlacedAddress,
    Router,
    addresses_in,
    routers_in,
)
from lvsdr.formats.keepalived.virtual_servers import ServiceBlock, flushes_in, services_in
from lvsdr.model.late_dataclasses import dataclass

TALKERS = ("vrrp_instance", "vrrp_sync_group")
# Those that say which state an instance is in.
HOOKS = tuple("notify" + each for each in ("", "_master", "_backup", "_fault", "_stop", "_deleted"))
VRRP_FIFOS = ("notify_fifo", "vrrp_notify_fifo")
FIFOS = (*VRRP_FIFOS, "lvs_notify_fifo")
FIFO_READERS = tuple(f"{each}_script" for each in FIFOS)
# Others that keepalived runs, in which blocks: keepalived.conf(5).
OTHER_SCRIPTS = {
    "global_defs": (*FIFO_READERS, "startup_script", "shutdown_script"),
    **dict.fromkeys(TALKERS, ("notify_master_rx_lower_pri",)),
    "vrrp_script": ("script",),
    "virtual_server": ("quorum_up", "quorum_down"),
    "real_server": ("notify_up", "notify_down"),
    "MISC_CHECK": ("misc_path",),
}
DEEPEST = 5
ReadBy = Callable[[str], tuple[list[Line], Iterable[str]]]
"""The lines that a host reads, by its config-id, and the hosts that they name."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What one host reads in a file; `host` is its config-id, None where all read the same."""

    file: str
    host: str | None
    root: Block

    @property
    def name(self) -> str:
        return self.file + self.on_host

    @property
    def on_host(self) -> str:
        """Return which host reads so, in brackets; nothing where all do."""
        return "" if self.host is None else f" (on {self.host or 'any other host'})"

    def global_defs(self, *names: str) -> Iterator[Block]:
        """Yield the settings of the whole keepalived that have one of `names`."""
        return self.root.within("global_defs", *names)

    def talkers(self) -> Iterator[Block]:
        """Yield the instances and the groups: those that have hooks."""
        return self.root.all(*TALKERS)

    def routers(self) -> Iterator[Router]:
        """Yield the virtual routers: each vrrp_instance."""
        return routers_in(self.root)

    def addresses(self) -> Iterator[PlacedAddress]:
        """Yield the addresses that keepalived puts on links: static ones, and VIPs."""
        return addresses_in(self.root)

    def services(self) -> Iterator[ServiceBlock]:
        """Yield the virtual servers and their groups."""
        return services_in(self.root)

    def flushes(self) -> Iterator[Block]:
        """Yield the settings that empty the whole IPVS table."""
        return flushes_in(self.root)

    def hooks(self) -> Iterator[Block]:
        """Yield the hooks that say a state; a bare notify_deleted is a switch, and no hook."""
        for talker in self.talkers():
            for hook in talker.all(*HOOKS):
                if hook.name != "notify_deleted" or hook.value:
                    yield hook

    def scripts(self) -> Iterator[Block]:
        """Yield all that keepalived runs: the hooks, and whatever else names a program."""
        yield from self.hooks()
        yield from _other_scripts(self.root)

    def calls_lvsdr(self) -> bool:
        """Return whether lvsdr hears of states: by a hook, or at a FIFO."""
        return any(self.global_defs(*FIFOS)) or self.names_lvsdr()

    def names_lvsdr(self) -> bool:
        """Return whether a hook says that it is lvsdr."""
        return any("lvsdr" in each.value for each in self.hooks())

    def profiles(self) -> Iterator[str]:
        """Yield the profiles of directors that lvsdr is given by hooks, as they are written."""
        for hook in self.hooks():
            words = hook.value.split()
            if "lvsdr" in hook.value and "--director" in words[:-1]:
                yield words[words.index("--director") + 1]


def read_by_each_host(lines: Iterable[Line], file: str) -> list[Configuration]:
    """Return what each host reads in the lines of `file`, which includes no other."""
    all_lines = list(lines)

    def read(host: str) -> tuple[list[Line], Iterable[str]]:
        reader = HostReader(host)
        return list(reader.read(all_lines)), reader.named

    return configurations(file, read)


def configurations(file: str, read: ReadBy) -> list[Configuration]:
    """Return what each host reads in `file`: those that `@` lines name, and any other.

    A cluster has two directors at least: where two have a name, no other one is expected. Each
    one may read files that name others yet.
    """
    lines, named = read("")
    by_host, waiting = {"": lines}, list(named)
    while waiting and len(by_host) <= MOST_HOSTS:
        host = waiting.pop(0)
        if host not in by_host:
            by_host[host], named = read(host)
            waiting += named
    if len(by_host) == 1:
        return [Configuration(file, None, parsed(lines))]
    if len(by_host) > 2:
        del by_host[""]
    else:
        by_host[""] = by_host.pop("")
    return [Configuration(file, host, parsed(read_in)) for host, read_in in by_host.items()]


def _other_scripts(block: Block, depth: int = 0) -> Iterator[Block]:
    if depth < DEEPEST:
        for inner in filter(_has_inner, block.inner):
            yield from inner.all(*OTHER_SCRIPTS.get(inner.name, ()))
            yield from _other_scripts(inner, depth + 1)


def _has_inner(block: Block) -> bool:
    return bool(block.inner)
