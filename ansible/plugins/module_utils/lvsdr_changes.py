# Copyright: the authors of lvsdr
# SPDX-License-Identifier: Apache-2.0
"""The changes that lvsdr tells of, as the texts before and after that Ansible shows as a diff."""

from __future__ import annotations

# It stands in the key of each object that has it.
TOLD_BY_KEY = {"service"}


def diff_of(changes, header):
    """Return Ansible's diff of the objects that change, each with its fields, in their order."""
    return {
        "before_header": header,
        "after_header": header,
        "before": _text(changes, "before"),
        "after": _text(changes, "after"),
    }


def _text(changes, side):
    return "".join(line + "\n" for change in changes for line in _lines(change, side))


def _lines(change, side):
    fields = change[side]
    if fields is None:
        return
    title = " ".join([change["object"], *(str(part) for part in change["key"])])
    yield title
    for name, value in fields.items():
        if name not in TOLD_BY_KEY:
            # With the object in each line, for a diff else takes one object's field for another's.
            yield "%s %s: %s" % (title, name, _plain(value))


def _plain(value):
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def of_weights(objects, rips, restored):
    """Return the changes that a drain of `rips` makes of what `status` shows.

    With `restored`, those that end it; the weight that comes back is known to the profile alone.
    """
    changes = []
    for each in objects:
        seen = each["observed"]
        if each["object"] != "real_server" or seen is None or seen["rip"] not in rips:
            continue
        if restored:
            going, weight = each["state"] == "drained" or each["down"], "that of the profile"
        else:
            going, weight = seen["weight"] != 0, 0
        if going:
            after = dict(seen, weight=weight)
            changes.append(
                {
                    "sign": "~",
                    "object": each["object"],
                    "key": each["key"],
                    "before": seen,
                    "after": after,
                }
            )
    return changes


def of_withdrawal(profiles, role, name, path):
    """Return what changes when a profile is withdrawn, of what is applied on the host.

    It is the one of that name, and without a name the one that came from that file. What settings
    go back to is known to the record alone.
    """
    return [
        _given_back(each)
        for profile in profiles
        if profile["role"] == role
        and (profile["file"] == path if name is None else profile["name"] == name)
        for each in reversed(profile["objects"])
        if each["observed"] is not None and each["observed"].get("link_kind") != "loopback"
    ]


def _given_back(each):
    seen, setting = each["observed"], each["object"] == "sysctl"
    return {
        "sign": "~" if setting else "-",
        "object": each["object"],
        "key": each["key"],
        "before": seen,
        "after": dict(seen, value="as it was before lvsdr") if setting else None,
    }
