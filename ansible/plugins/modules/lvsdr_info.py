#!/usr/bin/python
# Copyright: the authors of lvsdr
# SPDX-License-Identifier: Apache-2.0
"""What lvsdr has set up on a host, as a task of Ansible."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lvsdr_info
short_description: Tell what lvsdr has set up on a host
version_added: "0.2.0"
description:
  - Tells which profiles are applied on the host, and how each of their objects stands, by C(lvsdr) on the host.
  - A task starts C(lvsdr) once. It reads no profile, and changes nothing.
extends_documentation_fragment:
  - lvsdr.cluster.lvsdr
  - lvsdr.cluster.lvsdr.info
author: "the authors of lvsdr (!UNKNOWN)"
seealso:
  - module: lvsdr.cluster.lvsdr_verify
"""

EXAMPLES = r"""
- name: What is applied here?
  lvsdr.cluster.lvsdr_info:
  become: true
  register: here

- name: Nothing has drifted
  ansible.builtin.assert:
    that: here.ok
"""

RETURN = r"""
ok:
  description: Whether each object is as lvsdr left it, and no run was cut off.
  returned: success
  type: bool
profiles:
  description: The profiles that are applied.
  returned: success
  type: list
  elements: dict
  contains:
    role:
      description: V(director) or V(realserver).
      type: str
      returned: always
    name:
      description: The name of the profile.
      type: str
      returned: always
    file:
      description: The file that it came from.
      type: str
      returned: always
    applied:
      description: When it was last applied, in seconds since 1970.
      type: int
      returned: always
    cut_off:
      description: Whether a run was cut off; the next one finishes or undoes it.
      type: bool
      returned: always
    objects:
      description: Each object with its state, and with the fields that are desired and observed.
      type: list
      elements: dict
      returned: always
notes:
  description: What C(lvsdr) told people beside its result.
  returned: always
  type: list
  elements: str
command:
  description: The command that was run.
  returned: always
  type: list
  elements: str
exit_code:
  description: The exit code of C(lvsdr); V(1) where something differs.
  returned: always
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_program import OPTIONS, Program


def main():
    """Tell what the record of the host knows."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    said = Program(module).run(["status"], (0, 1))
    told = {name: said.document[name] for name in ("ok", "profiles")}
    module.exit_json(changed=False, **told, **said.common())


if __name__ == "__main__":
    main()
