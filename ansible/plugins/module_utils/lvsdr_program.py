# Copyright: the authors of lvsdr
# SPDX-License-Identifier: Apache-2.0
"""One start of lvsdr on the host, and what it said: the work is its own."""

from __future__ import annotations

import json
import os

from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_failure import fail, hint_lines

OPTIONS = {
    "executable": {"type": "path"},
    "netns": {"type": "str"},
}
# Where `make install` and pipx put it; those of packages are in any PATH.
PLACES = ["/usr/local/bin", "/usr/local/sbin", "/opt/lvsdr/bin"]
NOT_FOUND = "no lvsdr on this host"
TO_BE_FOUND = (
    "install its package, as the role lvsdr.cluster.lvsdr does, or say where it is with the option"
    " executable"
)
# Its own output; a second formatter or another language would hide what it says.
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "NO_COLOR": "1", "PYTHONUTF8": "1"}
# What is shown of an output that nobody expected.
SHOWN = 400
# How a character that is none begins in JSON.
HALF = "\\ud"
OF_A_FAILURE = "lvsdr/error/1"


class Said:
    """What one run printed: its document, its exit code, and what is for people."""

    def __init__(self, command, exit_code, document, stderr):
        self.command, self.exit_code = command, exit_code
        self.document, self.stderr = document, stderr

    @property
    def notes(self):
        """Return what it told people, a line each."""
        return [line for line in self.stderr.splitlines() if line.strip()]

    def common(self):
        """Return the fields that every result has."""
        return {"command": self.command, "exit_code": self.exit_code, "notes": self.notes}


class Program:
    """lvsdr on this host, as a module of Ansible starts it: once."""

    def __init__(self, module):
        self.module = module

    def run(self, words, codes=(0,), undo=None, renamed=None, **failing):
        """Run lvsdr with JSON as its output, and return what it Said.

        With an exit code that is none of `codes` the module fails, with the fields of `failing` and
        all that lvsdr says of it; so it does where lvsdr is not there, or prints no JSON. `undo` is
        called before that. `renamed` is a path that lvsdr was given, and what it stands for.
        """
        netns = self.module.params["netns"]
        command = [
            self._found(),
            *words,
            "--format",
            "json",
            *(["--netns", netns] if netns else []),
        ]
        code, printed, stderr = self.module.run_command(
            command, environ_update=ENVIRONMENT, errors="replace"
        )
        if renamed:
            printed, stderr = (each.replace(*renamed) for each in (printed, stderr))
        document = _document(printed)
        good = document is not None and document["format"] != OF_A_FAILURE and code in codes
        if undo is not None and not good:
            undo()
        if document is None:
            self._fail_unread(command, code, printed, stderr, failing)
        said = Said(command, code, document, stderr)
        if not good:
            self.fail(said, failing)
        return said

    def fail(self, said, failing):
        """End the module with the error that lvsdr told."""
        error, hints = said.document.get("error"), said.document.get("hints", [])
        title = error or "lvsdr ended with exit code %d" % said.exit_code
        others = said.document.get("others", [])
        more = " (and %d more)" % len(others) if others else ""
        lines = [
            "%s%s (exit %d)" % (title, more, said.exit_code),
            *said.document.get("notes", []),
            *hint_lines(hints),
        ]
        fields = {"others": others, "stderr": said.stderr, **said.common(), **failing}
        fields["notes"] = [*said.document.get("notes", []), *said.notes]
        fail(self.module, title, hints, lines, **fields)

    def _found(self):
        asked = self.module.params["executable"]
        if asked:
            if os.path.isfile(asked) and os.access(asked, os.X_OK):
                return asked
            message = "executable %s: no program that can be run is there" % asked
            hint = "name the file of lvsdr, or leave the option out where it is in PATH"
            fail(self.module, message, [hint])
        found = self.module.get_bin_path("lvsdr", opt_dirs=PLACES)
        if found is None:
            fail(self.module, NOT_FOUND, [TO_BE_FOUND])
        return found

    def _fail_unread(self, command, code, printed, stderr, failing):
        # A usage error comes as text, and so does what is no lvsdr at all.
        reason = (stderr.strip() or printed.strip() or "it printed nothing")[:SHOWN]
        message = "%s did not answer as lvsdr does (exit %d): %s" % (command[0], code, reason)
        hint = "%s --version says what it is; this collection needs lvsdr 0.2" % command[0]
        fields = {"stderr": stderr, "stdout": printed, "exit_code": code, "command": command}
        fail(self.module, message, [hint], **fields, **failing)


def _document(printed):
    """Return the document that lvsdr printed, or None where that is none."""
    try:
        document = json.loads(printed)
        if HALF in printed:
            # Of a name that is no UTF-8, which Ansible hands on to nobody.
            text = json.dumps(document, ensure_ascii=False)
            document = json.loads(text.encode("utf-8", "replace").decode("utf-8"))
        return document if document["format"].startswith("lvsdr/") else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
