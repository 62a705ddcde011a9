"""Plans, status and findings → text, JSON, or the commands that mean the same.

A command knows many outputs and prints one: each is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lvsdr.render import commands, json_documents, text

__all__ = ["commands", "json_documents", "text"]


def __getattr__(name: str) -> ModuleType:
    """Return an output by the name of its module (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")
