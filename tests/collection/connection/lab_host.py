"""The lab's hosts, as Ansible reaches them: a network namespace with files of its own."""

from __future__ import annotations

import shlex
from typing import Any

from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """
name: lab_host
short_description: a host of the lab
description:
  - Runs commands in the network namespace and the mount namespace of a host of the lab.
author: the authors of lvsdr
options:
  net:
    description: The file of its network namespace.
    type: str
    required: true
    vars: [{name: lab_net}]
  mount:
    description: The file of its mount namespace.
    type: str
    vars: [{name: lab_mount}]
  become_success_timeout:
    description: As of the connection local.
    type: int
    default: 10
  become_strip_preamble:
    description: As of the connection local.
    type: bool
    default: true
extends_documentation_fragment:
  - connection_pipelining
"""


class Connection(Local):  # type: ignore[misc]
    """What the connection `local` does, in a host."""

    transport = "lab_host"

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        """Run a command of the shell in the host."""
        mount = self.get_option("mount")
        words = [
            "exec",
            "nsenter",
            f"--net={self.get_option('net')}",
            *([f"--mount={mount}"] if mount else []),
            "--",
            "/bin/sh",
            "-c",
            cmd,
        ]
        done: Any = super().exec_command(shlex.join(words), in_data, sudoable)
        return tuple(done)
