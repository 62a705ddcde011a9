"""The gauges that a monitoring system gets of a host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from lvsdr.model.host_figures import HostFigures, ProfileFigures, ProofFigures
from lvsdr.model.ipvs import RealServer
from lvsdr.model.metric import Gauge, Sample
from lvsdr.model.table_state import TableState
from lvsdr.render.metric_labels import server_labels, service_labels
from lvsdr.render.proof_gauges import PROOF_GAUGES

Labels = Mapping[str, str]
Told = Iterator[tuple[Labels, float]]

HOW = ("missing", "different", "unwanted")
DIRECTS, SERVES = ("address", "real_server", "virtual_server"), ("address", "link", "sysctl")
OUT = ("drained", "down")


def gauges(host: HostFigures) -> Iterator[Gauge]:
    """Yield every gauge, also those without a sample; each profile is a label of its own."""
    yield _gauge("build_info", "Which lvsdr says so.", [({"version": host.version}, 1)])
    yield _gauge("host_readable", "Whether kernel and record could be read.", [({}, host.readable)])
    text = "When the record was written last."
    yield _gauge("record_written_timestamp_seconds", text, _plain(host.record_written))
    for name, (text, tell) in OF_EVERY_PROFILE.items():
        yield _gauge(name, text, _of(host.profiles, tell))
    readable = [each for each in host.profiles if not each.unreadable]
    for name, (text, tell) in OF_PROFILES.items():
        yield _gauge(name, text, _of(readable, tell))
    for name, (text, say) in PROOF_GAUGES.items():
        proven = [(each, each.proof) for each in host.profiles if each.proof is not None]
        yield _gauge(name, text, list(_proven(proven, say)))
    yield from _table(host)


def _proven(
    proven: Iterable[tuple[ProfileFigures, ProofFigures]],
    say: Callable[[ProfileFigures, ProofFigures], Told],
) -> Told:
    for profile, proof in proven:
        for labels, value in say(profile, proof):
            yield {**_profile(profile), **labels}, value


def _of(profiles: Iterable[ProfileFigures], tell: Callable[[ProfileFigures], Told]) -> Told:
    for profile in profiles:
        for labels, value in tell(profile):
            yield {**_profile(profile), **labels}, value


def _gauge(name: str, text: str, told: Iterable[tuple[Labels, float]]) -> Gauge:
    return Gauge(f"lvsdr_{name}", text, tuple(Sample(*each) for each in told))


def _profile(profile: ProfileFigures) -> Labels:
    return {"role": profile.role, "profile": profile.name}


def _readable(profile: ProfileFigures) -> Told:
    yield {"file": profile.file}, not profile.unreadable


def _applied(profile: ProfileFigures) -> Told:
    if profile.applied is not None:
        yield {}, profile.applied


def _last_apply(profile: ProfileFigures) -> Told:
    if profile.last_apply is not None:
        yield {}, profile.last_apply.at


def _last_exit_code(profile: ProfileFigures) -> Told:
    if profile.last_apply is not None:
        yield {}, profile.last_apply.exit_code


def _cut_off(profile: ProfileFigures) -> Told:
    yield {}, profile.cut_off


def _in_sync(profile: ProfileFigures) -> Told:
    yield {}, not profile.unreadable and not profile.cut_off and not profile.differing


def _standby(profile: ProfileFigures) -> Told:
    if profile.role == "director":
        yield {}, bool(profile.standby)


def _differing(profile: ProfileFigures) -> Told:
    # What is there at every time can be asked for at every time: absent() is no alert.
    usual = DIRECTS if profile.role == "director" else SERVES
    kinds = {each.kind for each in profile.differing}.union(usual)
    found = profile.differing.items()
    for kind in sorted(kinds):
        for how in HOW:
            number = sum(each for it, each in found if (it.kind, it.how) == (kind, how))
            yield {"object": kind, "difference": how}, number


def _drift(profile: ProfileFigures) -> Told:
    yield {}, sum(profile.drift.values())


def _vip_held(profile: ProfileFigures) -> Told:
    for vip, held in profile.vips.items():
        yield {"local_address": str(vip)}, held


def _is_out(profile: ProfileFigures, server: RealServer) -> bool:
    return server.key in profile.drained or server.key in profile.down


def _state(profile: ProfileFigures, server: RealServer) -> str:
    return "drained" if server.key in profile.drained else "down"


def _real_servers(profile: ProfileFigures) -> Told:
    out = Counter(
        (it.service, _state(profile, it)) for it in profile.servers if _is_out(profile, it)
    )
    for service, number in profile.counts.items():
        labels = service_labels(service)
        away = {state: out[service, state] for state in OUT}
        yield {**labels, "state": "in_service"}, number - sum(away.values())
        for state, those in away.items():
            yield {**labels, "state": state}, those


def _up(profile: ProfileFigures) -> Told:
    for server in profile.servers:
        if server.key in profile.checked:
            yield server_labels(server), server.key not in profile.down


def _down_since(profile: ProfileFigures) -> Told:
    if profile.down:
        for server in profile.servers:
            down = profile.down.get(server.key)
            if down is not None and down.since:
                yield {**server_labels(server), "reason": down.why, "by": down.by}, down.since


def _clients(unanswered: bool) -> Callable[[ProfileFigures], Told]:
    def tell(profile: ProfileFigures) -> Told:
        for server in profile.servers if profile.clients else ():
            shares = profile.clients.get(server.key)
            if shares is not None:
                labels = server_labels(server)
                for place, share in (("beyond", shares.beyond), ("segment", shares.segment)):
                    number = share.unanswered if unanswered else share.connections
                    yield {**labels, "clients": place}, number

    return tell


OF_EVERY_PROFILE: Mapping[str, tuple[str, Callable[[ProfileFigures], Told]]] = {
    "profile_readable": ("Whether the profile could be read and planned.", _readable),
    "profile_in_sync": ("Whether the host is as the profile says.", _in_sync),
    "last_apply_timestamp_seconds": ("When the last apply ended, well or not.", _last_apply),
    "last_apply_exit_code": (
        "How the last apply ended: 0 is well, others failed.",
        _last_exit_code,
    ),
}
OF_PROFILES: Mapping[str, tuple[str, Callable[[ProfileFigures], Told]]] = {
    "profile_applied_timestamp_seconds": ("When an apply last went well.", _applied),
    "apply_cut_off": ("Whether the last run never came to its end.", _cut_off),
    "standby": ("Whether keepalived says that this director stands by.", _standby),
    "differing_objects": ("How many objects an apply would change, by kind.", _differing),
    "drifted_objects": ("How many objects others have changed since the last apply.", _drift),
    "vip_held": ("Whether this host holds the VIP.", _vip_held),
    "real_servers": ("How many real servers of a service are in which state.", _real_servers),
    "real_server_up": ("Whether a real server with health checks serves.", _up),
    "real_server_down_since_timestamp_seconds": (
        "Since when a real server is out of service, why, and who found it so.",
        _down_since,
    ),
    "client_connections": (
        "How many of the connections in the table are looked at, with an answer or not.",
        _clients(unanswered=False),
    ),
    "client_connections_unanswered": (
        "How many of these never got an answer.",
        _clients(unanswered=True),
    ),
}


def _table(host: HostFigures) -> Iterator[Gauge]:
    state = host.table or TableState()
    yield _gauge("table_connections", "How many connections IPVS has.", _plain(state.connections))
    yield _gauge("table_connections_limit", "How many it takes at most.", _plain(state.limit))
    stopped = None if host.table is None else bool(state.stopped)
    yield _gauge(
        "table_counters_stopped", "Whether the counters of IPVS stand still.", _plain(stopped)
    )


def _plain(value: float | None) -> Told:
    """Yield a value without labels, where it is known."""
    if value is not None:
        yield {}, value
