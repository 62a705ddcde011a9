# Copyright: the authors of lvsdr
# SPDX-License-Identifier: Apache-2.0
"""The profile of a task: a file on the host, or what a task says and the file becomes."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager

from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_failure import fail

# Of a file, and of a folder: as the package makes them. lvsdr refuses what others may write.
MODE, FOLDER_MODE = 0o644, 0o750
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def options(role):
    """Return the options of a module about the profile of a role."""
    return {
        "profile": {"type": "dict"},
        "path": {"type": "path", "default": "/etc/lvsdr/%s.json" % role},
    }


class ProfileFile:
    """The file at `path`, and what it has to hold; None is whatever it holds already."""

    def __init__(self, module):
        self._module = module
        self.path = module.params["path"]
        self.wanted = module.params["profile"]
        self._before = None
        self.changed, self.diff = False, None
        if self.wanted is None:
            return
        if not self.path.endswith(".json"):
            self._fail("a profile that stands in a task is written as JSON", "end path in .json")
        self._before = self._contents()
        self.changed = self._differs()
        if self.changed:
            header = "%s (profile)" % self.path
            self.diff = {
                "before_header": header,
                "after_header": header,
                "before": (self._before or b"").decode("utf-8", "replace"),
                "after": self._text().decode("utf-8", "replace"),
            }

    @property
    def name(self):
        """Return the name by which lvsdr knows the profile that stands in the task, or else None."""
        if self.wanted is None:
            return None
        stem = os.path.splitext(os.path.basename(self.path))[0]
        return str(self.wanted.get("name", stem))

    @contextmanager
    def for_a_look(self):
        """Give the path of a file that says what is wanted, and leave none behind."""
        if not self.changed:
            yield self.path
            return
        # Its own name, for a profile without one is called after its file; nobody else may write.
        folder = tempfile.mkdtemp(prefix="lvsdr-")
        try:
            path = os.path.join(folder, os.path.basename(self.path))
            with open(path, "wb") as file:
                file.write(self._text())
            yield path
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def write(self):
        """Let the file say what is wanted: whole, or not at all."""
        if self.changed:
            self._replace(self._text())

    def put_back(self):
        """Let the file say what it said before `write`, for the host is as it was."""
        if not self.changed:
            return
        if self._before is None:
            os.unlink(self.path)
        else:
            self._replace(self._before)

    def _text(self):
        text = json.dumps(self.wanted, indent=2, ensure_ascii=False) + "\n"
        return text.encode("utf-8", "surrogateescape")

    def _contents(self):
        try:
            with open(self.path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            return self._fail("cannot read %s: %s" % (self.path, error.strerror), "look there")

    def _differs(self):
        """Return whether the file means something else, or others may write it."""
        if self._before is None or os.stat(self.path).st_mode & OTHERS_WRITE:
            return True
        try:
            # As text: in Python 1 is True, in JSON it is not.
            return _ordered(json.loads(self._before.decode("utf-8"))) != _ordered(self.wanted)
        except ValueError:
            return True

    def _replace(self, contents):
        folder = os.path.dirname(self.path) or "."
        try:
            if not os.path.isdir(folder):
                os.makedirs(folder, FOLDER_MODE)
            mode = MODE
            if self._before is not None:
                mode = stat.S_IMODE(os.stat(self.path).st_mode) & ~OTHERS_WRITE
            descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".lvsdr-")
            with os.fdopen(descriptor, "wb") as file:
                file.write(contents)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, mode)
        except OSError as error:
            self._fail(
                "cannot write %s: %s" % (self.path, error.strerror),
                "run the task as root (become: true), or name another path",
            )
        self._module.atomic_move(temporary, self.path)
        # The mode of what was there before comes back by that.
        if stat.S_IMODE(os.stat(self.path).st_mode) != mode:
            os.chmod(self.path, mode)

    def _fail(self, message, hint):
        fail(self._module, message, [hint])


def _ordered(value):
    return json.dumps(value, sort_keys=True)
