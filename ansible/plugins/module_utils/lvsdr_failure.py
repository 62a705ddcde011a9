# Copyright: the authors of lvsdr
# SPDX-License-Identifier: Apache-2.0
"""How a module fails: what is wrong and what mends it, for people in one text and for plays in fields."""

from __future__ import annotations


def fail(module, error, hints=(), shown=None, **fields):
    """End a module of Ansible with `error` and `hints`, which are fields of the result as well.

    `shown` are the lines for people where they are more than the error and a line for each hint.
    """
    text = [error, *hint_lines(hints)] if shown is None else shown
    told = {"notes": [], **fields, "error": error, "hints": list(hints)}
    module.fail_json(msg="\n".join(text), **told)


def hint_lines(hints):
    """Return a line for each hint, as lvsdr prints it."""
    return ["hint: %s" % hint for hint in hints]
