#!/usr/bin/python
# Copyright: the authors of lvsdr
# SPDX-License-Identifier: Apache-2.0
"""A real server of a profile, as a task of Ansible."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lvsdr_realserver
short_description: Make a host a real server of a Linux Virtual Server cluster
version_added: "0.2.0"
description:
  - Makes the host a real server of a profile, silent on ARP before it holds a VIP, or takes that back, by C(lvsdr) on the host.
  - All or nothing. Where a change fails, the host and the file of the profile are as they were before.
  - A task starts C(lvsdr) once.
  - Whether clients are still sent to the host is for the director to say. Drain it there before O(state=withdrawn).
extends_documentation_fragment:
  - lvsdr.cluster.lvsdr
options:
  profile:
    description:
      - The profile, with the fields of lvsdr-profile(5).
      - It becomes the contents of O(path) with O(state=applied), and there alone. A file that means the same is left as it is.
      - Without it, the profile is what is in O(path).
    type: dict
  path:
    description:
      - The file of the profile on the host.
      - With O(profile) its name has to end in V(.json); else it may end in V(.toml) as well.
    type: path
    default: /etc/lvsdr/realserver.json
  state:
    description:
      - V(applied) makes the host what the profile says, which may be nothing.
      - V(withdrawn) gives back what was there before the profile was first applied. O(path) stays as it is.
    type: str
    choices: [applied, withdrawn]
    default: applied
  name:
    description:
      - With O(state=withdrawn), the name of the profile, for one whose file is gone.
    type: str
  lock_timeout:
    description:
      - How many seconds to wait for another run of C(lvsdr) on the host.
    type: float
    default: 10
attributes:
  check_mode:
    description: Nothing on the host is changed, and no file is left behind. What would be done is planned by C(lvsdr).
    details: >-
      Of O(state=withdrawn) the objects that are set up for the profile are told as what would go, for C(lvsdr) knows no plan
      of that; those that were there before lvsdr stay.
    support: full
  diff_mode:
    description: The file of the profile, and the objects of the kernel with their fields.
    support: full
author: "the authors of lvsdr (!UNKNOWN)"
seealso:
  - module: lvsdr.cluster.lvsdr_director
  - module: lvsdr.cluster.lvsdr_verify
"""

EXAMPLES = r"""
- name: A real server, silent on ARP, with the VIP on a dummy link
  lvsdr.cluster.lvsdr_realserver:
    profile:
      role: realserver
      interface: eth0
      holder: dummy
      vips:
        - 192.168.1.2
  become: true

- name: It gives back what it had before
  lvsdr.cluster.lvsdr_realserver:
    state: withdrawn
  become: true
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode, in that order.
  returned: success
  type: list
  elements: dict
  sample:
    - sign: "~"
      object: sysctl
      key: [net/ipv4/conf/all/arp_ignore]
      before: {value: "0"}
      after: {value: "1"}
  contains:
    sign:
      description: V(+) for what is new, V(-) for what goes, V(~) for what becomes different.
      type: str
      returned: always
    object:
      description: What kind of object it is.
      type: str
      returned: always
    key:
      description: Which of them it is.
      type: list
      elements: raw
      returned: always
    before:
      description: The fields before; null where it was not there.
      type: dict
      returned: always
    after:
      description: The fields afterwards; null where it is not there.
      type: dict
      returned: always
silences:
  description: Addresses that a link no longer answers for on ARP, though no profile names them.
  returned: O(state=applied)
  type: list
  elements: dict
file:
  description: The file of the profile.
  returned: success
  type: str
file_changed:
  description: Whether that file was written, or would be.
  returned: success
  type: bool
kept:
  description: What stays other than the profile says, or than it was before, and why.
  returned: success, outside of check mode
  type: list
  elements: dict
notes:
  description: What C(lvsdr) told people beside its result.
  returned: always
  type: list
  elements: str
command:
  description: The command that was run last.
  returned: always
  type: list
  elements: str
exit_code:
  description: >-
    The exit code of C(lvsdr). V(2) is a bad profile, V(3) a change that the kernel refused, V(4) a host that differs all the
    same, V(5) a host that a person has to look at, V(6) a host where it cannot run.
  returned: always
  type: int
error:
  description: What is wrong, in one line.
  returned: failure
  type: str
hints:
  description: How to mend it.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_profile import (
    ProfileFile,
    options,
)
from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_program import OPTIONS
from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_states import LOCK, Role

ARGUMENTS = {
    **OPTIONS,
    **LOCK,
    **options("realserver"),
    "state": {"type": "str", "choices": ["applied", "withdrawn"], "default": "applied"},
    "name": {"type": "str"},
}


def main():
    """Do what the task asks for."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    realserver = Role(module, "realserver", ProfileFile(module))
    if module.params["state"] == "withdrawn":
        realserver.withdraw()
    realserver.end(realserver.plan() if module.check_mode else realserver.apply())


if __name__ == "__main__":
    main()
