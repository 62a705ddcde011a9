"""What a monitoring system is told: gauges, each with its samples, as Prometheus has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lvsdr.model.late_dataclasses import dataclass


class Sample(NamedTuple):
    """One value of a gauge; the labels say of what."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Gauge:
    """What may go up and down; `help` is one sentence, and `samples` may be none.

    Its name follows Prometheus' conventions: base units, no unit in the labels.
    """

    name: str
    help: str
    samples: tuple[Sample, ...]
