"""blake2b, without what hashlib loads beside it.

That is OpenSSL: a seventh of the pages that a command with a large unchanged profile touches, its
start in Python not counted. hashlib's own blake2b is this one, whatever OpenSSL has.
"""

from __future__ import annotations

__all__ = ["blake2b"]

try:
    from _blake2 import blake2b
except ImportError:  # A Python that is built otherwise.
    from hashlib import blake2b
