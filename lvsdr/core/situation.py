"""Where a profile stands on this host: what it wants, what is there, what has to be done."""

from __future__ import annotations

from collections.abc import Mapping, Set
from pathlib import Path

from lvsdr.core.both_roles import DirectorVip
from lvsdr.core.folding import marked, remarked
from lvsdr.core.giving_back import (
    half_given_back,
)
from lvsdr.core.left_behind import remembering
from lvsdr.core.list_fingerprints import Fingerprints
from lvsdr.core.origins import origin_of
from lvsdr.core.out_of_service import OutOfService, folded_drained, notes
from lvsdr.core.record import Record
from lvsdr.core.renamed_links import numbered
from lvsdr.core.unfolding import unfolded
from lvsdr.model.change import Change, Kept, Plan
from lvsdr.model.due_change import must_change
from lvsdr.model.folded_servers import FoldedServers, Said, in_columns
from lvsdr.model.health import REMOVE
from lvsdr.model.late_dataclasses import dataclass, field, replace
from lvsdr.model.objects import NOTHING, Baseline, Key, Link, Object, Objects, keyed
from lvsdr.model.plain_data import real_server_of
from lvsdr.model.profile import Origin, Profile


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a profile stands on this host: what it wants, what is there, what has to be done.

    `in_use` is what would be deleted if others did not use it, `kept` what else is let go of and
    does not become what it was before. `out` are those of the profile's real servers that are out
    of service whatever it says. Where it is `partial`, the profile's other objects stay as they
    are. `director_vips` are left to the director's profile. `links` are
    the kernel's numbers of links by their names, `origin` is where the profile comes from; it is
    `profile` where all of it is wanted. What is `adopted` is lvsdr's, as if nobody had had it.
    `going` are real servers that go with virtual servers which are deleted, and are not in the
    plan. What is `said` is what the profile's file says of virtual servers of which some are
    planned.
    """

    owner: str
    record: Record
    desired: Objects
    observed: Objects
    baseline: Baseline
    todo: Plan
    in_use: tuple[Kept, ...] = ()
    kept: tuple[Kept, ...] = ()
    out: OutOfService = OutOfService()
    partial: bool = False
    director_vips: tuple[DirectorVip, ...] = ()
    links: Mapping[str, int] = field(default_factory=dict)
    origin: Origin | None = None
    profile: Profile | None = None
    adopted: tuple[Object, ...] = ()
    going: tuple[FoldedServers, ...] = ()
    said: Said = field(default_factory=dict)

    @property
    def whole(self) -> Situation:
        """Return the same in which each real server is an object, and has its own change."""
        if any(map(in_columns, self.desired.values())):
            # Only a large table that is new is planned so.
            from lvsdr.model.servers_in_columns import each_by_its_key, one_by_one  # noqa: PLC0415

            each, todo = each_by_its_key(self.desired), one_by_one(self.todo)
            return replace(self, desired=each, todo=todo)
        if not self.going:
            return self
        servers = keyed(server for each in self.going for server in each.unfolded())
        gone = tuple(Change(server, None) for server in servers.values())
        return replace(
            self,
            record=unfolded(self.record, ()),
            observed={**self.observed, **servers},
            todo=(*gone, *self.todo),
            going=(),
        )

    @property
    def record_before(self) -> Record:
        """Return the record to write before the first change."""
        half = half_given_back(self.todo, self.desired)
        # What all of goes stays drained until it is gone.
        drained = self.out.drained if self.desired or self.partial else None
        desired = {**self.desired, **self.out.lifted} if self.out.lifted else self.desired
        record = self.record.claim(
            self.owner, desired, self.observed, drained, half, self.out.removed
        ).adopting(self.adopted)
        # What is taken out and goes is given back: until then it is known whose it is.
        going = {
            key: each
            for key, each in self.record.down.get(self.owner, {}).items()
            if each.action == REMOVE and key in record.baseline and key not in self.desired
        }
        return self._with_origins(record.downing(self.owner, {**going, **self.out.down}))

    def record_after(self, before: Record, listed: Fingerprints, seen: Objects = NOTHING) -> Record:
        """Return the record to write after the last change; `before` is on disk until then.

        `seen` are the objects as they are by now. `listed` tells by what real servers are known.
        """
        left = self.record.claims.get(self.owner, {}) if self.partial else {}
        others = dict(left)
        for key in self.baseline:
            others.pop(key, None)
        # What the checker of another program has set, lvsdr has not.
        more = others or self.out.lifted
        desired = {**others, **self.desired, **self.out.lifted} if more else self.desired
        made = {it.name: it.index for it in seen.values() if isinstance(it, Link)}
        settled = before.settle(self.owner, desired, self.out.drained, self.out.down)
        if self.going:
            rest = {name: each for name, each in settled.folded.items() if name != self.owner}
            settled = replace(settled, folded=rest)
        after = remembering(self.owner, before, settled, self.observed)
        changed = {*self.desired, *self.baseline} if self.partial else self.desired.keys()
        after = remarked(after, changed, listed, self.said)
        if self.profile is not None:
            after = marked(after, self.owner, self.desired, self.profile, listed, self.out.checked)
        return self._with_origins(after, made)

    def exact(self, keys: Set[Key], listed: Fingerprints) -> Set[Key]:
        """Return the services whose real servers among `keys` the kernel lists as they are wanted.

        They are known by Service.key. Of some that are taken apart for a drain the list is looked
        at once: it tells by what it is to be known, too.
        """
        if not self.partial:
            return listed.exact(keys, self.desired)
        out = {key[1:4] for key in (*self.out.drained, *self.out.down)}
        parted = {
            key: each
            for key, each in self.record.folded.get(self.owner, {}).items()
            if each.apart and key in out
        }
        if not parted:
            return frozenset()
        # Of these nothing else is planned: where a sorry server may have to go, nothing is folded.
        seen = listed.apart(parted.values(), self.desired)
        return {key for key in parted if seen[key].exact}

    def coming_from(self, file: Path | None) -> Situation:
        """Return the situation of a profile from `file`, now; None where nobody knows it."""
        if file is None:
            return self
        return replace(self, origin=origin_of(file, self.profile))

    def _with_origins(self, record: Record, made: Mapping[str, int] | None = None) -> Record:
        """Return the record with the numbers of its links, and the origins of its profiles."""
        record = numbered(record, {**self.links, **(made or {})})
        return record.coming_from({} if self.origin is None else {self.owner: self.origin})

    @property
    def drift(self) -> Plan:
        """Return what others have done to the profile's objects since lvsdr left them.

        Each `before` is how lvsdr left it, each `after` how it is.
        """
        left = self.record.claims.get(self.owner, {})
        # What is no longer wanted, and another profile claims as well, has not been looked at.
        looked = self.desired.keys() | self.baseline.keys()
        told = {**left, **dict.fromkeys(self.out.removed)} if self.out.removed else left
        seen = (
            (claim, self.observed.get(key))
            for key, claim in told.items()
            if key in looked and key not in self.out.lifted
        )
        return tuple(Change(claim, now) for claim, now in seen if must_change(now, claim))

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what people have to know of how the plan was made."""
        others = map(str, (*self.director_vips, *self.in_use))
        folded = keyed(
            map(real_server_of, self.out.drained & folded_drained(self.owner, self.record))
        )
        return (*self.record.notes, *others, *notes(self.out, {**folded, **self.desired}))
