"""The server that Prometheus scrapes, by its official client library."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvsdr import __version__
from lvsdr.cli.figures_of_host import host_figures
from lvsdr.cli.session import Session
from lvsdr.errors import CannotRun, Interrupted, LvsdrError
from lvsdr.model.host_figures import HostFigures, ProofFigures
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.printable import printable
from lvsdr.model.site_packages import look_for
from lvsdr.render.gauges_of_host import gauges

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily


class Scraped:
    """What each scrape is told: the host as it is then, and what the wire said last."""

    def __init__(self, session: Session, profiles: Sequence[Path]) -> None:
        self._session, self._profiles = session, profiles
        # One scrape at a time; the wire is asked beside them.
        self._reading, self._proofs = threading.Lock(), dict[tuple[str, str], ProofFigures]()

    def prove(self) -> None:
        """Ask the wire, and keep what it says; what cannot be asked is told on stderr."""
        try:
            figures = host_figures(self._session, self._profiles, proven=True)
        except LvsdrError as error:
            self._session.tell([error.message])
            return
        # Of a profile that cannot be asked for any more it stays known how old its proof is.
        self._proofs = {
            **self._proofs,
            **{
                (each.role, each.name): self._remembering((each.role, each.name), each.proof)
                for each in figures.profiles
                if each.proof is not None
            },
        }

    def _remembering(self, key: tuple[str, str], proof: ProofFigures) -> ProofFigures:
        """Return a proof that knows when silence was proven last, where it does not prove it."""
        before = self._proofs.get(key)
        return proof if before is None else replace(proof, silent={**before.silent, **proof.silent})

    def figures(self) -> HostFigures:
        """Return where the host stands now; raises LvsdrError."""
        with self._reading:
            seen = host_figures(self._session, self._profiles, proven=False)
        proofs: Mapping[tuple[str, str], ProofFigures] = self._proofs
        profiles = [
            replace(each, proof=proofs.get((each.role, each.name))) for each in seen.profiles
        ]
        return replace(seen, profiles=profiles)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what the client library prints."""
        from prometheus_client.core import GaugeMetricFamily

        try:
            seen = self.figures()
        except LvsdrError as error:
            self._session.tell([error.message])
            seen = HostFigures(__version__, (), readable=False)
        for gauge in gauges(seen):
            names = tuple(dict.fromkeys(name for each in gauge.samples for name in each.labels))
            family = GaugeMetricFamily(gauge.name, gauge.help, labels=names)
            for labels, value in gauge.samples:
                family.add_metric([printable(labels.get(name, "")) for name in names], value)
            yield family


def serve(
    session: Session, profiles: Sequence[Path], place: tuple[str, int], every: float | None
) -> int:
    """Answer scrapes at an address and port until a signal; ask the wire each `every` seconds."""
    registry, start = _library()
    scraped = Scraped(session, profiles)
    scraped.figures()
    session.at_rest()
    registry.register(scraped)
    address, port = place
    try:
        start(port, addr=address, registry=registry)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "")
        reason = (error.strerror or str(error)).lower()
        raise CannotRun(f"cannot listen on {address} port {port}: {reason} ({name})") from error
    session.tell([f"answering at http://{_url(address)}:{port}/metrics"])
    stopped = threading.Event()
    try:
        while True:
            if every is not None:
                scraped.prove()
            stopped.wait(every)
    except Interrupted:
        return 0


def _url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _library() -> tuple[Any, Any]:
    """Return a registry and what starts a server; raise CannotRun where they are not installed."""
    look_for("prometheus_client")
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise CannotRun(
            "cannot answer Prometheus: its client library for Python is not installed",
            hints=["apt-get install python3-prometheus-client"],
        ) from error
    # Described by what it says at a scrape: a host that cannot be read then is no reason not to
    # start.
    return CollectorRegistry(auto_describe=False), start_http_server
