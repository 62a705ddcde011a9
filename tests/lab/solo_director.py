"""A director on a host of its own: what is done there is done to its table and its record alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from faults import Agent, Ended, Refusal, Strike, agent

from lvsdr.core.book import Book
from lvsdr.kernel import namespace
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host


@dataclass(frozen=True)
class SoloDirector:
    """The host, who runs the program there, a profile, and the record."""

    host: Host
    agent: Agent
    file: Path
    book: Book

    def run(self, command: str, *options: str, fault: Refusal | Strike | None = None) -> Ended:
        return self.agent.run("director", command, self.file, *options, fault=fault)

    def must(self, command: str, *options: str) -> Ended:
        ended = self.run(command, *options)
        assert ended.code == 0, (command, ended)
        return ended

    def saved(self) -> str:
        """Return the table as ipvsadm saves it."""
        return self.host.run("ipvsadm", "-Sn").stdout


Solo = TypeVar("Solo", bound=SoloDirector)


@contextmanager
def solo(
    make: Callable[[Host, Agent, Path, Book], Solo], file: Path, *addresses: str
) -> Iterator[Solo]:
    """Give the director that `make` makes, with `addresses` as ip(8) takes them."""
    with hosts(["solo"]) as made, agent(made["solo"]) as running:
        host = made["solo"]
        host.ip(
            "link add eth0 type dummy",
            "link set eth0 arp on up",
            *(f"address add {each} dev eth0" for each in addresses),
        )
        yield make(host, running, file, Book(host.inside(namespace.identity)))
