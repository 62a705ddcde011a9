"""The lines of keepalived.conf judged as such: what keepalived passes over in silence.

Measured with keepalived 2.2.7: a line is one option, and `-t` says nothing of what is behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from lvsdr.formats.keepalived.conf_syntax import SCRIPTS, Block
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.served import CHECKERS
from lvsdr.model.finding import ERROR, WARNING, Finding

# Those without a value: whatever follows is too much.
SWITCHES = frozenset(
    ("inhibit_on_failure", "alpha", "omega", "ha_suspend", "nopreempt", "accept", "no_accept",
     "dont_track_primary", "ops", "misc_dynamic", "preempt")
)  # fmt: skip
SPREAD = ("delay_loop", "lb_algo", "lvs_sched", "lb_kind", "lvs_method", "persistence_timeout",
          "persistence_granularity", "protocol", "quorum", "hysteresis", "weight", "sorry_server",
          "ha_suspend", "alpha", "omega", "inhibit_on_failure", "virtualhost", "retry",
          "delay_before_retry", "uthreshold", "lthreshold", "ops")  # fmt: skip
CHECK = ("connect_port", "connect_timeout", "connect_ip", "bindto", "retry", "nb_get_retry",
         "delay_before_retry", "misc_timeout", "misc_dynamic", "warmup")  # fmt: skip
INSTANCE = ("state", "interface", "virtual_router_id", "priority", "advert_int", "nopreempt",
            "preempt_delay", "mcast_src_ip", "unicast_src_ip", "version", "accept", "no_accept",
            "dont_track_primary", "garp_master_delay")  # fmt: skip
AUTHENTICATION = ("auth_type", "auth_pass")
OPTIONS = {
    "vrrp_instance": INSTANCE,
    "authentication": AUTHENTICATION,
    "virtual_server": SPREAD,
    "real_server": SPREAD,
    **dict.fromkeys(CHECKERS, CHECK),
}
# They stand in no other block.
OUTERMOST = frozenset(
    ("global_defs", "vrrp_instance", "vrrp_sync_group", "vrrp_script", "virtual_server",
     "virtual_server_group", "static_ipaddress", "static_routes")
)  # fmt: skip
# They stand in one, and without them nobody is master or nothing is served.
WITHIN = frozenset(
    ("interface", "virtual_router_id", "virtual_ipaddress", "real_server", "state", "priority",
     "lb_kind", "lb_algo", "authentication", "advert_int")
)  # fmt: skip


def line_faults(conf: Configuration) -> Iterator[Finding]:
    """Yield the options that keepalived passes over, and the first brace that is missing."""
    for block, context in _contexts(conf.root):
        yield from _second_option(conf, block, OPTIONS[context])
    misplaced = next(chain(_nested(conf), _outside(conf)), None)
    if misplaced is not None:
        yield misplaced


def _contexts(root: Block) -> Iterator[tuple[Block, str]]:
    """Yield each line of a block that has options, and the name of the block."""
    waiting = [root]
    while waiting:
        block = waiting.pop()
        for each in block.inner:
            if block.name in OPTIONS:
                yield each, block.name
            if each.inner:
                waiting.append(each)


def _second_option(conf: Configuration, line: Block, options: tuple[str, ...]) -> Iterator[Finding]:
    if line.name not in options or SCRIPTS.fullmatch(line.name):
        return
    taken = 1 if line.name in SWITCHES else 2
    second = next((at for at, word in enumerate(line.words) if at >= taken and word in options), 0)
    if second:
        read, passed = (" ".join(each) for each in (line.words[:second], line.words[second:]))
        text = f"{line.where}: keepalived reads {read}, and passes over {passed} behind it"
        look = "write each option on a line of its own"
        yield Finding("KEEPALIVED-IGNORED", WARNING, conf.file, text, look=look)


def _nested(conf: Configuration) -> Iterator[Finding]:
    """Yield the blocks within another one, where a brace has not been closed before."""
    for outer in conf.root.inner:
        waiting = [*outer.inner]
        while waiting:
            each = waiting.pop()
            if each.name in OUTERMOST and each.inner:
                text = f"{each.where}: {each.name} {each.value}".rstrip()
                text += f" stands within {outer.name} of line {outer.line}, where a }} is missing:"
                yield _misplaced(
                    conf, f"{text} keepalived passes over it", f"add }} before {each.where}"
                )
            waiting += each.inner


def _outside(conf: Configuration) -> Iterator[Finding]:
    """Yield what stands in no block, where a brace has been closed too early."""
    for each in conf.root.inner:
        if each.name in WITHIN:
            text = f"{each.where}: {each.name} stands in no block, as after a }} too many:"
            yield _misplaced(conf, f"{text} keepalived passes over it", "remove the } before it")


def _misplaced(conf: Configuration, text: str, look: str) -> Finding:
    return Finding("KEEPALIVED-BRACES", ERROR, conf.file, text, look=look)
