"""The scenarios, one module each; a new one is a module and its row here."""

from __future__ import annotations

from lvsdr.lab.scenario import Scenario
from lvsdr.lab.scenarios import (
    alias,
    bond,
    bridge,
    classic,
    flux,
    ipv6,
    poison,
    tunl0,
    tunnel,
)

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        classic.SCENARIO,
        alias.SCENARIO,
        tunl0.SCENARIO,
        poison.SCENARIO,
        flux.SCENARIO,
        bridge.SCENARIO,
        bond.SCENARIO,
        tunnel.SCENARIO,
        ipv6.SCENARIO,
    )
}
