"""What every command shares: how it prints, and how it reaches kernel, record and wire."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from lvsdr.cli.journal_priorities import ERROR, INFO
from lvsdr.cli.neighbourhood import Neighbourhood
from lvsdr.cli.plain_output import LINES_AT_ONCE, complain, echo, may_colour
from lvsdr.errors import LvsdrError

if TYPE_CHECKING:
    from lvsdr.cli.progress_line import ProgressLine
    from lvsdr.cli.stopwatch import Stopwatch
    from lvsdr.core.book import Book
    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.model.address import IPAddress
    from lvsdr.model.neighbour_claim import Heard
    from lvsdr.model.path import Path, Proof, RealServerRoute
    from lvsdr.model.route_lookup import ForwardingOutcome
    from lvsdr.proof.client_traffic import Hearing
    from lvsdr.proof.segment_hosts import Question
    from lvsdr.proof.watching import Ears
    from lvsdr.render.output_formats import Format
    from lvsdr.render.results import Result


class Session(Neighbourhood):
    """One run of the program; tests put other kernels and wires into a subclass."""

    def __init__(self) -> None:
        self.output = "text"
        self.lock_timeout = 10.0
        self.seconds = 1.6
        self.rate: float | None = None
        self.requests = 10
        self.allow_insecure_profile = False
        self.stopwatch: Stopwatch | None = None
        # What is being done, which share of it, and what tells that to people who wait.
        self.doing = "reading the profile"
        self.share: float | None = None
        self.line: ProgressLine | None = None
        # What --netns named: commands for that host are typed on this one.
        self.netns: str | None = None
        self.nagios = False  # whether a result and an exit code are those of a plugin
        self.lost = False  # whether a result could not be written
        # How lines go to stderr.
        self.complain: Callable[..., None] = complain
        # A descriptor of the namespace in which the program was started.
        self.left: int | None = None

    def enter(self, netns: str | None) -> None:
        """Move into the network namespace that `--netns` names."""
        if netns is not None:
            from lvsdr.kernel import namespace
            from lvsdr.kernel.process_needs import require_proc

            require_proc()
            self.left = namespace.current()
            namespace.enter(netns)
            self.netns = netns

    def kernel(self, pause: Callable[[], None] | None = None) -> AbstractContextManager[Kernel]:
        """Return the kernel of this host; `pause` is called before each request to it."""
        from lvsdr.kernel.linux import LinuxKernel
        from lvsdr.kernel.process_needs import require_proc

        require_proc()
        kernel = LinuxKernel(pause)
        return self.timed(kernel if self.line is None else self.line.watching(kernel))

    def timed(self, kernel: AbstractContextManager[Kernel]) -> AbstractContextManager[Kernel]:
        """Return the kernel, its verbs timed where `--timings` asks for it."""
        if self.stopwatch is None:
            return kernel
        from lvsdr.cli.stopwatch import timed

        return timed(kernel, self.stopwatch)

    def book(self) -> Book:
        """Return the record of this network namespace."""
        from lvsdr.core.book import Book
        from lvsdr.kernel import namespace

        return Book(namespace.identity())

    @contextmanager
    def locked(self, book: Book) -> Iterator[None]:
        """Let no other lvsdr change this network namespace inside the block; raises LockHeld."""
        before, self.doing = self.doing, "waiting until another lvsdr has ended"
        with book.locked(self.lock_timeout):
            self.doing = before
            yield

    def bar(self, doing: str) -> AbstractContextManager[Callable[[float], None]]:
        """Tell people what is `doing` in the block, which tells the fraction that is done."""
        from lvsdr.cli.progress_line import bar

        return bar(self, doing)

    def at_rest(self) -> None:
        """Tell people no more what is being done: all is, or what is left ends at a signal."""
        if self.line is not None:
            self.line.end()
            self.line = None

    def ask(self, question: Question) -> Heard:
        """Ask the segment, and tell how far that is."""
        from lvsdr.wire.who_has import who_has

        with self.bar("asking the segment") as progress:
            return who_has(
                question.link,
                question.addresses,
                apart=question.apart,
                source4=question.source4,
                source6=question.source6,
                seconds=self.seconds,
                rate=self.rate,
                progress=progress,
            )

    def follow(self, ways: Mapping[IPAddress, str]) -> Mapping[IPAddress, ForwardingOutcome]:
        """Send a packet to each address, and see what becomes of it."""
        from lvsdr.wire.paths.forwarded_packets import forwarding_outcomes

        return forwarding_outcomes(ways, self.seconds)

    def ears(self, link: str, addresses: tuple[IPAddress, ...]) -> AbstractContextManager[Ears]:
        """Return what listens on `link` for what is said in the name of `addresses`."""
        from lvsdr.wire.listen import Listener

        return Listener(link, addresses, rate=self.probe_rate)

    def hear(
        self, links: Sequence[str], vips: Sequence[IPAddress], udp: bool
    ) -> AbstractContextManager[Hearing]:
        """Return what hears the first packets that come in on `links` for `vips`."""
        from lvsdr.wire.first_packets import FirstPackets

        return FirstPackets(links, vips, udp=udp)

    def probe(self, paths: Sequence[Path], routes: Sequence[RealServerRoute]) -> Sequence[Proof]:
        """Send a probe along each path, and tell how far that is."""
        from lvsdr.wire.paths.prove_paths import prove_paths

        with self.bar("probing the paths") as progress:
            pace = {"rate": self.probe_rate, "seconds": self.seconds}
            return prove_paths(paths, routes, **pace, progress=progress)

    @property
    def probe_rate(self) -> float:
        """How many frames a second to send at most of what is not asked again."""
        from lvsdr.wire.pacing import RATE

        return self.rate or RATE

    @property
    def format(self) -> Format:
        """Return the row of the format that `--format` chose."""
        from lvsdr.render.output_formats import FORMATS

        return FORMATS[self.output]

    def show(self, result: Result) -> bool:
        """Print a result in the format that `--format` chose.

        Returns whether anybody could read it.
        """
        self.doing = "writing the result"
        return self._print(self.format.output().lines(result))

    def show_one(self, result: Result) -> bool:
        """Print one result of many, as `show` does."""
        return self._print(self.format.output().one_of_many(result))

    def show_progress(self, result: Result) -> None:
        """Print to people what is under way; a program gets all of it at the end."""
        if self.format.for_people:
            self.show_one(result)

    def _print(self, lines: Iterable[str]) -> bool:
        if not self.format.for_people:
            return self.write(lines)
        from lvsdr.cli.painting import painted

        return self.write(painted(lines, coloured=may_colour() and sys.stdout.isatty()))

    def write(self, lines: Iterable[str]) -> bool:
        """Print lines, and return whether anybody could read them."""
        self.doing, rest = "writing the result", iter(lines)
        try:
            while some := list(islice(rest, LINES_AT_ONCE)):
                echo("\n".join(some), color=None if may_colour() else False)
        except OSError as error:
            self.unheard(error)
            return False
        return True

    def unheard(self, error: OSError) -> None:
        """Say that nobody could read the result; what was to be done is done all the same."""
        self.lost = True
        if not isinstance(error, BrokenPipeError):
            reason = (error.strerror or "").lower()
            self.tell([f"cannot write the result: {reason} ({errno.errorcode[error.errno or 0]})"])

    def tell(self, notes: Iterable[str], severity: str = INFO) -> None:
        """Say on stderr what people have to know though nothing failed."""
        self.complain(*(f"lvsdr: {note}" for note in notes), severity=severity)

    def fail(self, failure: LvsdrError) -> int:
        """Print why the command failed, and return its exit code."""
        if self.nagios:
            from lvsdr.render import nagios_output

            self.write([nagios_output.failed(failure)])
            return nagios_output.UNKNOWN
        if self.format.tells_errors:
            from lvsdr.render.results import Failed

            self.show(Failed(failure))
        else:
            for each in (failure, *failure.others):
                lines = [f"lvsdr: {each.message}", *(f"  {note}" for note in each.notes)]
                lines += [f"  hint: {hint}" for hint in each.hints]
                self.complain(*lines, severity=ERROR)
        return failure.exit_code
