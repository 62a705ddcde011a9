"""The story: observe, plan, execute, observe again; undo whatever does not end well."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lvsdr.core import signals
from lvsdr.core.announced_vips import INTERVAL, ROUNDS, OpenAnnouncer, announcing
from lvsdr.core.book import Book
from lvsdr.core.failed_applies import failure_written_down, forget
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.list_fingerprints import Fingerprints
from lvsdr.core.planned_situations import plan_apply
from lvsdr.core.planner import plan, planned_keys, touched, way_back
from lvsdr.core.record import Record, owner_of
from lvsdr.core.situation import Situation
from lvsdr.core.withdrawal import plan_withdrawal, plan_withdrawal_of
from lvsdr.errors import CannotRun, LvsdrError, NotConverged, Stuck
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Plan
from lvsdr.model.ipvs import REAL_SERVERS, VirtualServer
from lvsdr.model.objects import Address, Objects
from lvsdr.model.profile import DirectorProfile, Profile, command


def apply(  # noqa: PLR0913, PLR0917 - what is wanted where, and what has to be asked and told
    profile: Profile,
    kernel: Kernel,
    book: Book,
    announcer: OpenAnnouncer,
    plan_it: Callable[[Profile, Kernel, Book], Situation] = plan_apply,
    first: Callable[[Situation], None] = lambda _: None,
    file: Path | None = None,
) -> Situation:
    """Bring the host to `profile`, or leave it as it was and raise; announce what is new.

    `plan_it` makes the plan, of an apply or of an adoption. That it failed is written down.
    `first` looks at the situation before the first change; where it raises, there is none. The
    record has `file`, for whoever looks for the profile later. Returns how it stood before; its
    plan has been carried out.
    """
    with failure_written_down(owner_of(profile), file, book):
        situation = plan_it(profile, kernel, book).coming_from(file)
        first(situation)
        with announcing(profile, new_vips(situation.todo), announcer) as announce:
            converge(situation, kernel, book, announce)
    return situation


def withdraw(
    profile: Profile | str, kernel: Kernel, book: Book, *, without_record: bool = False
) -> Situation:
    """Give back what was there before the profile was first applied; returns how it stood.

    A profile whose file is gone is known by ROLE:NAME. `without_record` takes away what is there
    as the profile says, though the record does not know of it.
    """
    if isinstance(profile, str):
        situation = plan_withdrawal_of(profile, kernel, book)
    else:
        situation = plan_withdrawal(profile, kernel, book, without_record=without_record)
    converge(situation, kernel, book)
    forget(situation.owner, book)
    return situation


def announce(
    profile: DirectorProfile,
    kernel: Kernel,
    announcer: OpenAnnouncer,
    count: int = ROUNDS,
    interval: float = INTERVAL,
) -> tuple[IPAddress, ...]:
    """Announce the profile's VIPs `count` times, `interval` seconds apart.

    Raises CannotRun where this host is not the one to do it.
    """
    host = kernel.read_host()
    # A virtual router's MAC is that of the macvlan on which keepalived holds the VIP.
    places: dict[str, list[IPAddress]] = {}
    for vip in profile.vips:
        link = host.holder_on_wire(vip, profile.interface)
        if link is None:
            # Said by a standby director, it would draw the traffic away from the active one.
            raise CannotRun(
                f"cannot announce {vip}: it is not on {profile.interface} of this host",
                hints=[command(profile, "apply")] if profile.vips_owner == "lvsdr" else [],
            )
        places.setdefault(link, []).append(vip)
    with ExitStack() as stack:
        open_announcers = [stack.enter_context(announcer(link)) for link in places]
        for each, vips in zip(open_announcers, places.values(), strict=True):
            each.announce(vips, count=count, interval=interval)
    return profile.vips


def converge(
    situation: Situation,
    kernel: Kernel,
    book: Book,
    and_then: Callable[[], Iterable[None] | None] = lambda: None,
) -> None:
    """Carry out what has to be done, or leave the host as it was and raise.

    The record is on disk before the first change, so that what was there first is never lost.
    `and_then` follows the last change; where it has several steps, the record is written between
    them.
    """
    kernel.require(situation.todo)
    with undone_on_failure(situation, kernel, book):
        before, listed = situation.record_before, Fingerprints(kernel)
        _save(book, situation.record, before)
        seen = situation.observed
        steps: Iterator[None] = iter(())
        if situation.todo:
            kernel.execute(situation.todo)
            seen = _must_be_done(situation, kernel, listed)
            steps = iter(and_then() or ())
            next(steps, None)
        after = situation.record_after(before, listed, seen)
        next(steps, None)
        # Who changes a part of it changes another part soon.
        _save(book, before, after, known=situation.partial)
        # Those that are left.
        deque(steps, maxlen=0)
        # Done: whoever asks us to stop now would be told that it was undone.
        signals.ignore_signals()


def without_undo(todo: Plan, kernel: Kernel) -> Plan:
    """Carry out what can be of `todo`, and leave it so, whatever fails; return it.

    For what is worse undone than done in part: to give up, in a hurry, what another host has now.
    The record is not asked and stays as it is: how the host was before lvsdr is no less true, and
    the next plan finds what differs. Raises CannotRun, and nothing is touched, or the first
    refusal, with notes of the others and of what was done. The caller has seen to it that no signal
    interrupts: it would count as a refusal.
    """
    kernel.require(todo)
    refused = list(kernel.attempt(todo))
    if refused:
        first, *others = refused
        first.notes += [each.message for each in others]
        first.notes += _done_all_the_same(todo, kernel)
        raise first
    return todo


@contextmanager
def undone_on_failure(situation: Situation, kernel: Kernel, book: Book) -> Iterator[None]:
    """Take the host back to where it was if the block raises anything at all."""
    try:
        yield
    except BaseException as failure:
        signals.ignore_signals()
        undone = _undo(situation, kernel, failure)
        notes = [_undone_note(undone), *_forget(situation.whole, book)]
        if isinstance(failure, LvsdrError):
            failure.notes += notes
        else:
            # A bug of ours: whoever reports it knows nothing else of the host.
            for note in notes:
                failure.add_note(note)
        raise


def new_vips(todo: Plan) -> tuple[IPAddress, ...]:
    """Return the VIPs that a director's plan adds."""
    added = (change.after for change in todo if change.before is None)
    return tuple(item.ip.ip for item in added if isinstance(item, Address))


def _must_be_done(situation: Situation, kernel: Kernel, listed: Fingerprints) -> Objects:
    """Return what has been looked at, as it is now; raise NotConverged where that is not wanted."""
    desired, baseline = situation.desired, situation.baseline
    todo = touched(planned_keys(desired, baseline), situation.todo)
    # Real servers that are listed as they are wanted, and no others beside them, need no more.
    exact = situation.exact(todo, listed)
    rest = {key for key in todo if key[1:4] not in exact or key[0] == VirtualServer.kind}
    if any(key[0] == REAL_SERVERS for key in rest):
        return _must_be_done(situation.whole, kernel, listed)
    # What is to be there again, or no more, is not among them.
    rest.update(key for key in baseline if key in todo and key not in desired)
    observed = kernel.observe(rest, desired)
    wanted = {key: item for key, item in desired.items() if key in rest}
    before = {key: item for key, item in baseline.items() if key in rest}
    remaining = plan(wanted, observed, before)
    if remaining:
        raise NotConverged(
            "the kernel took every change, and yet the host differs",
            notes=[f"{change.sign} {change.subject}" for change in remaining],
        )
    return observed


def _done_all_the_same(todo: Plan, kernel: Kernel) -> Iterator[str]:
    try:
        seen = kernel.observe([change.key for change in todo])
    except LvsdrError as unreadable:
        yield unreadable.message
        return
    done = (change for change in todo if seen.get(change.key) == change.after)
    yield from (f"done, and not undone: {change.sign} {change.subject}" for change in done)


def _save(book: Book, before: Record, after: Record, *, known: bool = False) -> None:
    if after != before:
        book.save(after, known=known)


def _undo(situation: Situation, kernel: Kernel, failure: BaseException) -> Plan:
    """Return the changes that took the host back; raise Stuck where it is not as it was."""
    refusals: list[str] = []
    try:
        kernel.reopen()
        situation = situation.whole
        back = _back(situation, kernel)
        refusals += [refused.message for refused in kernel.attempt(back)]
        stuck = [f"stuck: {change.sign} {change.subject}" for change in _back(situation, kernel)]
    except LvsdrError as unreadable:
        stuck = [unreadable.message, "stuck: how the host is now cannot be read"]
    if stuck:
        raise Stuck(
            f"{failure}; undoing it failed too",
            notes=[*refusals, *stuck],
            hints=["mend what is listed, then run the same command again"],
        ) from failure
    return back


def _back(situation: Situation, kernel: Kernel) -> Plan:
    keys = [change.key for change in situation.todo]
    return way_back(situation.observed, kernel.observe(keys), situation.todo)


def _forget(situation: Situation, book: Book) -> Iterator[str]:
    """Put the old record back; one that claims too much does no harm, so that a note will do."""
    try:
        _save(book, book.load(), situation.record)
    except LvsdrError as error:
        yield error.message


def _undone_note(undone: Plan) -> str:
    if not undone:
        return "nothing was changed; the host is as it was"
    return f"{len(undone)} change{'s' * (len(undone) > 1)} undone; the host is as it was"
