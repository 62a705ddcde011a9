"""Which real servers are to be out of service, given those that fail. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from lvsdr.model.health import DROP, Down
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.objects import Key
from lvsdr.model.profile import DirectorProfile


@dataclass(frozen=True, slots=True)
class Outages:
    """What is to change: who goes out of service, or comes back (None), by key; in one batch.

    `held` are the services of which nobody serves, so that their last ones stay as they are;
    `empty` those of which none is left.
    """

    changes: Mapping[Key, Down | None]
    held: tuple[Service, ...] = ()
    empty: tuple[Service, ...] = ()


class Services:
    """The real servers of a profile's services, as far as they are checked."""

    def __init__(self, profile: DirectorProfile) -> None:
        self._profile = profile
        self._sorry = frozenset(each.service for each in profile.sorry_servers)
        self._servers: dict[Service, list[RealServer]] = {}
        for server in profile.real_servers:
            if profile.health_of(server.service) is not None:
                self._servers.setdefault(server.service, []).append(server)
        self._service_of = {
            server.key: service for service, each in self._servers.items() for server in each
        }

    @property
    def checked(self) -> Collection[Service]:
        """Return the services that are checked."""
        return self._servers.keys()

    def outages(
        self,
        failing: Mapping[Key, str],
        out: Mapping[Key, Down],
        at_rest: Collection[Key],
        now: int,
    ) -> Outages:
        """Return what is to change where those are `failing`, with their reasons.

        `out` are those that are out of service now, `at_rest` those that are so for another reason
        (drained), and serve nobody either. `now` is by time(2).
        """
        changes: dict[Key, Down | None] = {}
        held: list[Service] = []
        empty: list[Service] = []
        for service in self._concerned(failing, out):
            wanted = self._wanted(service, failing, out, at_rest)
            if any(key in failing and key not in wanted for key in self._keys(service)):
                held.append(service)
            elif wanted and all(self._is_out(it, wanted, at_rest) for it in self._servers[service]):
                empty.append(service)
            changes.update(self._changed(service, wanted, failing, out, now))
        # What is not checked any more is nobody's to judge.
        changes.update({key: None for key in out if key not in self._service_of})
        return Outages(changes, tuple(held), tuple(empty))

    def _concerned(self, failing: Iterable[Key], out: Iterable[Key]) -> Iterable[Service]:
        known = (self._service_of.get(key) for each in (failing, out) for key in each)
        return dict.fromkeys(service for service in known if service is not None)

    def _keys(self, service: Service) -> Sequence[Key]:
        return [server.key for server in self._servers[service]]

    def _wanted(
        self,
        service: Service,
        failing: Mapping[Key, str],
        out: Mapping[Key, Down],
        at_rest: Collection[Key],
    ) -> set[Key]:
        """Return who of a service is to be out: all that fail, or all but the last ones."""
        fail = {key for key in self._keys(service) if key in failing}
        health = self._profile.health_of(service)
        assert health is not None, "only what is checked is here"
        if health.when_all_fail == DROP or service in self._sorry:
            return fail
        none_left = all(self._is_out(server, fail, at_rest) for server in self._servers[service])
        return fail & out.keys() if none_left else fail

    @staticmethod
    def _is_out(server: RealServer, out: Collection[Key], at_rest: Collection[Key]) -> bool:
        return server.key in out or server.key in at_rest or server.weight == 0

    def _changed(
        self,
        service: Service,
        wanted: Collection[Key],
        failing: Mapping[Key, str],
        out: Mapping[Key, Down],
        now: int,
    ) -> Iterator[tuple[Key, Down | None]]:
        health = self._profile.health_of(service)
        assert health is not None, "only what is checked is here"
        for key in self._keys(service):
            if key in wanted and key not in out:
                yield key, Down(now, failing[key], action=health.action)
            elif key in out and key not in wanted:
                yield key, None
