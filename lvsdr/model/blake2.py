"""blake2b, without what hashlib loads beside it.

That is OpenSSL: 206 pages of memory for what takes seven. hashlib's own blake2b is this
one, whatever OpenSSL has.
"""

from __future__ import annotations

__all__ = ["blake2b"]

try:
    from _blake2 import blake2b
except ImportError:  # A Python that is built otherwise.
    from hashlib import blake2b
