"""What a program reads of the commands about keepalived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvsdr.model.late_dataclasses import fields
from lvsdr.render import json_fields, json_verify
from lvsdr.render.json_fields import Document

if TYPE_CHECKING:
    from lvsdr.model.keepalived_states import InstanceState, ServerState
    from lvsdr.render.keepalived_results import ConfFindings, FifoLine, KeepalivedStatus, Notified


def conf_findings(result: ConfFindings) -> Document:
    """Return what is wrong with keepalived.conf, as `lvsdr check` says it of profiles."""
    return json_verify.checked({}, result.findings)


def notified(result: Notified) -> Document:
    """Return what was said and what became of it."""
    return {
        "format": "lvsdr/notify/1",
        "type": result.type,
        "name": result.name,
        "state": result.state,
        "followed": result.followed,
        "reason": result.reason,
        "changes": [json_fields.change(item) for item in result.changes],
        "announced": [str(vip) for vip in result.announced],
    }


def fifo_line(result: FifoLine) -> Document:
    """Return a line of the FIFO."""
    return {"format": "lvsdr/said/1", "line": result.line}


def keepalived_status(result: KeepalivedStatus) -> Document:
    """Return what keepalived said last."""
    return {
        "format": "lvsdr/keepalived/1",
        "instances": list(map(_by_name, result.instances)),
        "servers": list(map(_by_name, result.servers)),
    }


def _by_name(item: InstanceState | ServerState) -> Document:
    return {each.name: getattr(item, each.name) for each in fields(item)}
