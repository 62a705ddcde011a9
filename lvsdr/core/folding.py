"""Real servers that need not be looked at: the record knows them by fingerprints.

Where the profile's text is as it was, and the kernel's list as lvsdr left it, there is nothing to
be done. Whatever is in doubt is unfolded, and looked at like all else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import compress

from lvsdr.core.book import Book
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.list_fingerprints import Fingerprints, servers_of
from lvsdr.core.record import Record, owner_of
from lvsdr.core.unfolding import unfolded
from lvsdr.core.written_record import as_written
from lvsdr.errors import CannotRun
from lvsdr.model.folded_servers import KnownText, Mark, PartlyRead, Said
from lvsdr.model.ipvs import SERVER_KINDS, RealServer, Service, VirtualServer, by_service
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Key, Objects
from lvsdr.model.profile import DirectorProfile, Profile


def known_texts(book: Book, *, drained: bool = True, down: bool = False) -> list[KnownText]:
    """Return what the files of the profiles were like that the record knows.

    Of virtual servers of which one is `drained` or `down`, only with these.
    """
    try:
        record = book.load(folding=True)
    except CannotRun:
        # Nothing is known then; whoever needs the record is told why.
        return []
    return [(text, _said(record, owner, drained, down)) for owner, text in record.texts.items()]


def _said(record: Record, owner: str, drained: bool, down: bool) -> dict[str, VirtualServer]:
    claims = record.claims.get(owner, {})
    marks = {key: servers.mark for key, servers in record.folded.get(owner, {}).items()}
    if down:
        marks = {**record.marks.get(owner, {}), **marks}
    else:
        otherwise = with_down(record, owner) if drained else not_as_said(record, owner)
        marks = {key: mark for key, mark in marks.items() if key not in otherwise}
    found = {mark.said: claims.get((VirtualServer.kind, *key)) for key, mark in marks.items()}
    return {said: item for said, item in found.items() if isinstance(item, VirtualServer)}


def not_as_said(record: Record, owner: str) -> set[Key]:
    """Return the virtual servers, by Service.key, that are not as their text says, on purpose."""
    return {key[1:4] for key in record.drained.get(owner, ())} | with_down(record, owner)


def with_down(record: Record, owner: str) -> set[Key]:
    """Return the virtual servers of which a check has found one down, by Service.key.

    What else is in them may be as no text says; where some are drained, all but their weight is.
    """
    return {key[1:4] for key in record.down.get(owner, ())}


def with_record(profile: Profile, kernel: Kernel, book: Book) -> tuple[Profile, Record]:
    """Return the profile as far as it has to be planned, and the record.

    What stays folded in the record is not in the profile.
    """
    servers = profile.real_servers
    if not isinstance(profile, DirectorProfile) or not isinstance(servers, PartlyRead):
        return profile, book.load(servers)
    if not profile.writes_table:
        # What the record has of them it is to forget.
        whole = tuple(servers.whole())
        return replace(profile, real_servers=whole), book.load(whole)
    owner = owner_of(profile)
    loaded = book.load(servers.read, folding=True)
    otherwise = with_down(loaded, owner)
    record = unfolded(loaded, {it for key, it in servers.unread.items() if key not in otherwise})
    folded = record.folded.get(owner, {})
    if folded.keys() != servers.unread.keys():
        # The record has changed since the profile was read.
        everything = tuple(servers.whole())
        return replace(profile, real_servers=everything), book.load(everything)
    left = _as_left({each.service: each.mark for each in folded.values()}, kernel)
    same = {each.mark.said for key, each in folded.items() if key in left}
    differ = (each.unfolded() for each in folded.values() if each.mark.said not in same)
    read = [*servers.read, *(server for some in differ for server in some)]
    return replace(profile, real_servers=tuple(in_order(read, profile))), unfolded(record, same)


def in_order(servers: list[RealServer], profile: DirectorProfile) -> list[RealServer]:
    """Return `servers` in the order of their services in the profile."""
    places = {it.service.key: place for place, it in enumerate(profile.virtual_servers)}
    return sorted(servers, key=lambda server: places[server.service.key])


def read_already(profile: Profile) -> Sequence[RealServer]:
    """Return the real servers of a profile that have been read."""
    servers = profile.real_servers
    return servers.read if isinstance(servers, PartlyRead) else servers


def left_alone(owner: str, record: Record, kernel: Kernel) -> Objects:
    """Return the real servers of `owner` that are as lvsdr left them, and have no others beside."""
    claims = record.claims.get(owner, {})
    marks = record.marks.get(owner, {})
    servers = (claims.get((VirtualServer.kind, *key)) for key in marks)
    services = [each.service for each in servers if isinstance(each, VirtualServer)]
    same = _as_left({service: marks[service.key] for service in services}, kernel)
    return {
        key: item for key, item in claims.items() if key[0] == RealServer.kind and key[1:4] in same
    }


def _as_left(marks: Mapping[Service, Mark], kernel: Kernel) -> set[Key]:
    """Return the services, by Service.key, that the kernel lists as their marks say."""
    seen = kernel.fingerprints(marks)
    return {service.key for service, mark in marks.items() if seen[service.key] == mark.listed}


def marked(  # noqa: PLR0913, PLR0917 - what is known of the real servers, and by whom
    record: Record,
    owner: str,
    desired: Objects,
    profile: Profile,
    listed: Fingerprints,
    checked: Iterable[Key],
) -> Record:
    """Return the record with marks on the real servers that `owner` has `desired` of late.

    Not on those of which others have `checked` some, nor where a sorry server may have to go.
    """
    if not isinstance(profile, DirectorProfile) or profile.text is None:
        return record
    doubtful = {key[1:4] for key in checked} | {it.service.key for it in profile.sorry_servers}
    new = {
        service.key: Mark(profile.said[service.key], listed.of(service, servers), len(servers))
        for service, servers in servers_of(desired).items()
        if service.key in profile.said and service.key not in doubtful
    }
    texts = {**record.texts, owner: profile.text}
    marks = {each: it for each, it in {**record.marks, owner: new}.items() if it}
    return replace(record, texts=texts, marks=marks)


def remarked(record: Record, changed: Iterable[Key], listed: Fingerprints, said: Said) -> Record:
    """Return the record whose marks are of its claims, of which `changed` are new, or gone.

    These have none: they may be as no text of a profile says any more. But where one is out of
    service, all is as the text says but for who is out; and who is back is so where that is what
    is `said` now. Nor has the record what the files of profiles were like that it does not know any
    more.
    """
    record = _folded_again(record, listed, said)
    if not record.marks and not record.texts:
        return record
    keys = [key for key in changed if key[0] in SERVER_KINDS]
    left = {
        owner: dict(_remarked(record, owner, keys, listed))
        for owner in record.marks
        if owner in record.claims
    }
    texts = {owner: text for owner, text in record.texts.items() if owner in record.claims}
    return replace(record, marks={owner: it for owner, it in left.items() if it}, texts=texts)


def _folded_again(record: Record, listed: Fingerprints, said: Said) -> Record:
    """Return the record in which nothing is taken apart; folded where all is as it is said.

    But for who is out of service.
    """
    parted = [
        each
        for owner, some in record.folded.items()
        for out in (not_as_said(record, owner),)
        for key, each in some.items()
        if each.apart and (key in out or said.get(key) == each.mark.said)
    ]
    if not parted:
        return as_written(record)
    # Only a drain takes some apart.
    from lvsdr.core.taken_apart import folded_again  # noqa: PLC0415

    seen = listed.apart(parted)
    # Nobody has changed anything else of it since lvsdr left it.
    found = ((each.mark, seen[each.service.key]) for each in parted)
    known = {it.said: now for it, (now, was, _) in found if was == it.listed}
    return folded_again(record, known, frozenset(said.values()))


def _remarked(
    record: Record, owner: str, changed: Collection[Key], listed: Fingerprints
) -> Iterator[tuple[Key, Mark]]:
    marks = record.marks[owner]
    out = {*record.drained.get(owner, ()), *record.down.get(owner, ())}
    touched = {key[1:4] for key in changed}
    # The weight that it has may be that of another text.
    back = {key[1:4] for key in changed if key[0] == RealServer.kind and key not in out}
    yield from (each for each in marks.items() if each[0] not in touched)
    known = {key[1:4] for key in out} & (touched - back) & marks.keys()
    claims, kind = record.claims[owner], RealServer.kind
    of_known = [key[1:4] in known and key[0] == kind for key in claims]
    places = dict[Key, list[int]]()
    for place, key in compress(enumerate(claims), of_known):
        places.setdefault(key[1:4], []).append(place)
    for service, servers in by_service(compress(claims.values(), of_known)).items():
        here = places[service.key]
        # Who is back may have come behind something else: of parts of it no mark is written.
        if here[-1] - here[0] < len(servers):
            mark = Mark(marks[service.key].said, listed.of(service, servers), len(servers))
            yield service.key, mark
