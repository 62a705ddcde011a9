"""Where the profiles of this host stand, and what the wire says of them, for `lvsdr metrics`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lvsdr import __version__
from lvsdr.cli import director_state
from lvsdr.cli.default_profile import default_profile
from lvsdr.cli.servers_apart import servers_apart
from lvsdr.cli.session import Session
from lvsdr.core.counted_servers import counted_servers
from lvsdr.core.failed_applies import failed_applies, last_apply
from lvsdr.core.folding import known_texts
from lvsdr.core.planned_situations import plan_apply
from lvsdr.core.record import owner_of
from lvsdr.errors import LvsdrError, ProfileError
from lvsdr.model.client_connections import ClientShares, ConnectionQuestion
from lvsdr.model.finding import ERROR
from lvsdr.model.host_figures import Differing, HostFigures, ProfileFigures, ProofFigures
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read

if TYPE_CHECKING:
    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.core.record import Record
    from lvsdr.model.address import IPAddress
    from lvsdr.model.last_apply import LastApply
    from lvsdr.model.objects import Key
    from lvsdr.model.profile import Profile
    from lvsdr.proof.verification import Verdict

    Failures = Mapping[str, LastApply]

HOW = {"+": "missing", "~": "different", "-": "unwanted"}


def files_of(record: Record, failed: Failures, named: Sequence[Path]) -> list[Path]:
    """Return the profiles to look at.

    Those named, else those that are applied or were to be, else the usual ones.
    """
    if named:
        return list(named)
    applied = [each.file for each in record.origins.values()]
    tried = [it.file for owner, it in failed.items() if it.file and owner not in record.origins]
    usual = (default_profile(role) for role in ("director", "realserver"))
    found = [Path(each) for each in dict.fromkeys((*applied, *tried))]
    return found or [file for file in usual if file.exists()]


def host_figures(session: Session, named: Sequence[Path], *, proven: bool) -> HostFigures:
    """Return where this host stands, as `status` and, where it is `proven`, as `verify` see it.

    What keeps one profile from being looked at is told of that profile; the others are looked at.
    """
    book = session.book()
    with session.kernel() as kernel:
        record = book.load(folding=True)
        failed = failed_applies(book)
        files = files_of(record, failed, named)
        every = (_figures(session, it, kernel, record, failed, proven) for it in files)
        profiles = list(_told_apart(every))
        directs = any(each.role == "director" for each in profiles)
        table = kernel.table_state() if directs else None
    written = book.path.stat().st_mtime if book.path.exists() else None
    return HostFigures(__version__, profiles, written, table)


def _told_apart(profiles: Iterable[ProfileFigures]) -> Iterator[ProfileFigures]:
    """Yield each of them once; raise ProfileError where two have one name: so would the series."""
    seen: dict[tuple[str, str], str] = {}
    for each in profiles:
        other = seen.setdefault((each.role, each.name), each.file)
        if other != each.file:
            raise ProfileError(
                f"{each.file}: /name: {other} is a {each.role} profile called {each.name} as well",
                hints=["give one of them another name"],
            )
        yield each


def _figures(  # noqa: PLR0913, PLR0917 - what is known of it
    session: Session, file: Path, kernel: Kernel, record: Record, failed: Failures, proven: bool
) -> ProfileFigures:
    applied = {each.file: owner for owner, each in failed.items()}
    applied.update({each.file: owner for owner, each in record.origins.items()})
    owner = applied.get(str(file.resolve()), f":{file.stem}")
    known = _known(owner, file, record, failed)
    try:
        profile = read(file, known=lambda: known_texts(session.book(), drained=False))
        known = _known(owner_of(profile), file, record, failed)
        found = _planned(session, file, profile, known, kernel, record)
        proof = _proof(session, file, profile) if proven else None
        return replace(found, proof=proof)
    except LvsdrError as error:
        return replace(known, unreadable=error.message)


def _known(owner: str, file: Path, record: Record, failed: Failures) -> ProfileFigures:
    role, _, name = owner.partition(":")
    return ProfileFigures(role, name, str(file), last_apply=last_apply(owner, record, failed))


def _planned(  # noqa: PLR0913, PLR0917 - what is known of it
    session: Session,
    file: Path,
    profile: Profile,
    known: ProfileFigures,
    kernel: Kernel,
    record: Record,
) -> ProfileFigures:
    owner, state = owner_of(profile), ""
    if isinstance(profile, DirectorProfile):
        state = director_state.state_of(director_state.keepalived_said(session, file, profile))
        situation = director_state.planned(profile, kernel, session, state)
    else:
        situation = plan_apply(profile, kernel, session.book())
    origin = record.origins.get(owner)
    found = replace(
        known,
        applied=None if origin is None else origin.applied,
        cut_off=owner in record.intents,
        standby=state,
        differing=Counter(Differing(each.subject.kind, HOW[each.sign]) for each in situation.todo),
        drift=Counter(each.subject.kind for each in situation.drift),
        vips=_held(profile, kernel),
    )
    if not isinstance(profile, DirectorProfile):
        return found
    out, counts = situation.out, counted_servers(profile, record)
    apart = servers_apart(profile, counts, out, lambda: {} if state else _clients(profile, kernel))
    return replace(
        found,
        counts=counts,
        servers=apart.servers,
        checked=apart.checked,
        drained=out.drained,
        down=out.every,
        clients=apart.clients,
    )


def _held(profile: Profile, kernel: Kernel) -> dict[IPAddress, bool]:
    host = kernel.read_host()
    return {vip: bool(host.held(vip)) for vip in profile.vips}


def _clients(profile: DirectorProfile, kernel: Kernel) -> Mapping[Key, ClientShares]:
    # At a glance: where there is no connection, nobody need be read to be told of.
    if not kernel.connections(ConnectionQuestion(seconds=0.0)).looked_at:
        return {}
    from lvsdr.proof.client_traffic import seen_now

    return seen_now(profile, kernel).shares(profile.real_servers)


def _proof(session: Session, file: Path, profile: Profile) -> ProofFigures:
    """Return what a verify finds; raises what it raises."""
    from lvsdr.cli.verdicts import director_verdict, realserver_verdict

    if isinstance(profile, DirectorProfile):
        state = director_state.state_of(director_state.keepalived_said(session, file, profile))
        verdict = director_verdict(session, profile, state)
    else:
        verdict = realserver_verdict(session, profile)
    at, silent = time.time(), silent_vips(profile, verdict)
    return ProofFigures(
        at,
        verdict.findings,
        verdict.heard,
        verdict.names or {},
        verdict.paths,
        dict.fromkeys(silent, at),
    )


def silent_vips(profile: Profile, verdict: Verdict) -> frozenset[IPAddress]:
    """Return the VIPs of which a verify has proven that nobody else answers for them.

    Of a director's, one MAC has answered, and no error is about ARP; a real server is known by its
    own settings, any error of which may break its silence. Where it names no VIP, it is about all.
    """
    directs = profile.role == DirectorProfile.role
    errors = (each for each in verdict.findings if each.severity == ERROR)
    wrong = {each.vip for each in errors if not directs or each.rule.startswith("ARP-")}
    if None in wrong:
        return frozenset()
    heard = Counter(vip for vip, _ in {(each.address, each.mac) for each in verdict.heard})
    vips = frozenset(vip for vip in profile.vips if vip not in wrong)
    return frozenset(vip for vip in vips if heard[vip] == 1) if directs else vips
