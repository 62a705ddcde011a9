# Copyright: the authors of lvsdr
# SPDX-License-Identifier: Apache-2.0
"""What the modules of both roles do: a profile applied, or withdrawn; in check mode, looked at."""

from __future__ import annotations

import os

from ansible_collections.lvsdr.cluster.plugins.module_utils import lvsdr_changes
from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_failure import fail
from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_program import Program

# As lvsdr has it. A line with no other option than its format starts in two thirds of the time.
USUAL = 10.0
LOCK = {"lock_timeout": {"type": "float", "default": USUAL}}
CANNOT_RUN = 6
# Beside changes, of what lvsdr says of a plan or an apply.
TOLD = ("announced", "silences", "kept", "drift", "foreign", "standby", "left", "obstacles")


class Role:
    """A role of this host, and the profile of it that a task is about."""

    def __init__(self, module, role, file):
        self.module, self.role, self.file = module, role, file
        self.program = Program(module)

    @property
    def waiting(self):
        """Return the words that say how long to wait for others who are at work on the host."""
        asked = self.module.params["lock_timeout"]
        return [] if asked == USUAL else ["--lock-timeout", "%g" % asked]

    def plan(self, *words):
        """Return what lvsdr Said of a plan of what is wanted; no file is left behind."""
        with self.file.for_a_look() as path:
            asked = [self.role, "plan", *words, path]
            return self.program.run(asked, codes=(0, 1), renamed=(path, self.file.path))

    def apply(self, *words):
        """Return what lvsdr Said of an apply; where it fails, the file is as it was."""
        self.file.write()
        asked = [self.role, "apply", *words, *self.waiting, self.file.path]
        return self.program.run(asked, undo=self.file.put_back)

    def end(self, said, changes=None):
        """End the module with what came of it, and what was the profile's file."""
        found = said.document.get("changes", []) if changes is None else changes
        told = {name: said.document[name] for name in TOLD if name in said.document}
        self.module.exit_json(
            changed=bool(found) or self.file.changed,
            changes=found,
            file=self.file.path,
            file_changed=self.file.changed,
            **told,
            **said.common(),
            **self.diff(found),
        )

    def diff(self, changes):
        """Return the field of a result that holds a diff, where one is asked for."""
        if not self.module._diff:
            return {}
        header = "%s (kernel)" % self.role
        of_kernel = [lvsdr_changes.diff_of(changes, header)] if changes else []
        return {"diff": [*([self.file.diff] if self.file.changed else []), *of_kernel]}

    def withdraw(self, *words):
        """Withdraw the profile, known by its name where that is said, and end the module."""
        # The file stays as it is: it is what a unit at boot, and the next apply, goes by.
        self.file.changed = False
        name = self.module.params["name"] or self.file.name
        if name is None and not os.path.exists(self.file.path):
            message = "cannot withdraw %s: no such file" % self.file.path
            hint = "name the profile with the option name; lvsdr_info lists those of the host"
            fail(self.module, message, [hint])
        if self.module.check_mode:
            said = self.program.run(["status"], codes=(0, 1))
            known = (said.document["profiles"], self.role, name, os.path.realpath(self.file.path))
            self.end(said, lvsdr_changes.of_withdrawal(*known))
        named = [self.file.path] if name is None else ["--name", name]
        asked = [self.role, "withdraw", *words, *self.waiting, *named]
        said = self.program.run(asked, codes=(0, 1))
        if said.exit_code:
            self._fail_kept(said)
        self.end(said)

    def _fail_kept(self, said):
        kept = said.document["kept"]
        names = ["%s %s: %s" % (it["object"], _joined(it["key"]), it["why"]) for it in kept]
        message = "not all of the profile is gone: %s" % "; ".join(names)
        fail(
            self.module,
            message,
            shown=["%s (exit %d)" % (message, said.exit_code)],
            changed=bool(said.document["changes"]),
            changes=said.document["changes"],
            kept=kept,
            **said.common(),
        )


def _joined(key):
    return " ".join(map(str, key))
