"""What verify and check found, as the plain data that JSON holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lvsdr.render import json_fields
from lvsdr.render.json_fields import Document

if TYPE_CHECKING:
    from pathlib import Path

    from lvsdr.model.finding import Finding
    from lvsdr.model.profile import Profile
    from lvsdr.model.service_proof import ServiceProof
    from lvsdr.render.results import Verified


def verified(result: Verified) -> Document:
    """Return what verify found."""
    return {
        "format": "lvsdr/verify/1",
        "ok": json_fields.sound(result.findings),
        "findings": [json_fields.finding(item) for item in result.findings],
        "answers": [
            json_fields.answer(item, result.names) for item in sorted(result.answers, key=str)
        ],
        "paths": [json_fields.path(item) for item in result.paths],
        "foreign": [json_fields.foreign(item) for item in result.foreign],
        "client": result.client,
        "services": [service(item, result.names) for item in result.services],
        "standby": result.standby or None,
        "notes": list(result.notes),
    }


def service(item: ServiceProof, names: Mapping[str, str]) -> Document:
    """Return what became of the requests to a service; without a verdict nothing is known."""
    asked = item.service
    return {
        "vip": None if asked.vip is None else str(asked.vip),
        "protocol": asked.protocol,
        "port": asked.port or None,
        "fwmark": asked.fwmark or None,
        "verdict": item.verdict,
        "unasked": item.unasked or None,
        "director": item.director,
        "asked": len(item.replies),
        "answered": item.count("answered"),
        "refused": item.count("refused"),
        "silent": item.count("silent"),
        "slow": item.slow,
        "median": item.median,
        "slowest": max(item.times, default=None),
        "pinned": item.pinned or None,
        "answers": [
            {
                "mac": mac,
                "host": names.get(mac),
                "rips": [str(rip) for rip in item.owners.get(mac, ())],
                "answered": counts["answered"],
                "refused": counts["refused"],
            }
            for mac, counts in sorted(item.answerers.items())
        ],
        "met": [str(rip) for rip in item.met],
        "not_met": [str(rip) for rip in item.not_met],
        "never_answered": [str(rip) for rip in item.never_answered],
    }


def checked(profiles: Mapping[Path, Profile], findings: Sequence[Finding]) -> Document:
    """Return what each file holds, and what is wrong with them."""
    return {
        "format": "lvsdr/check/1",
        "ok": json_fields.sound(findings),
        "profiles": [
            {"file": str(path), "role": item.role, "name": item.name}
            for path, item in profiles.items()
        ],
        "findings": [json_fields.finding(item) for item in findings],
    }
