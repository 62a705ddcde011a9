#!/usr/bin/python
# Copyright: the authors of lvsdr
# SPDX-License-Identifier: Apache-2.0
"""The director of a profile, as a task of Ansible."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lvsdr_director
short_description: Make a host the director of a Linux Virtual Server cluster
version_added: "0.2.0"
description:
  - Makes the host the director of a profile, takes that back, or takes real servers out of service, by C(lvsdr) on the host.
  - All or nothing. Where a change fails, the host and the file of the profile are as they were before.
  - A task starts C(lvsdr) once; with O(state=drained) and O(state=restored) once for each of O(rip), and with
    O(on_standby=stand_by) once more where there is something to change.
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
    default: /etc/lvsdr/director.json
  state:
    description:
      - V(applied) makes the host what the profile says, which may be nothing.
      - V(withdrawn) gives back what was there before the profile was first applied. O(path) stays as it is.
      - V(drained) gives the real servers O(rip) the weight 0 and waits for their connections to end. They stay so, whatever
        is applied, until they are V(restored).
      - V(restored) gives them the weight of the profile back.
    type: str
    choices: [applied, withdrawn, drained, restored]
    default: applied
  name:
    description:
      - With O(state=withdrawn), the name of the profile, for one whose file is gone.
    type: str
  rip:
    description:
      - The real servers to drain or to restore, by their addresses.
    type: list
    elements: str
  virtual_servers:
    description:
      - With O(state=drained) and O(state=restored), only in these virtual servers, as V(PROTOCOL:VIP:PORT) or V(fwmark:N).
    type: list
    elements: str
  timeout:
    description:
      - How many seconds to wait for the connections of each drained real server to end. The task fails if some are left then.
      - With V(0), the weight is set, and nothing is waited for; the task fails only where C(lvsdr) does.
    type: float
    default: 600
  persistent:
    description:
      - Wait for all inactive connections and templates of persistence, too.
    type: bool
    default: false
  on_standby:
    description:
      - What to do where keepalived has said that the host stands by.
      - V(fail) changes nothing and fails, for a second director resets the connections of the first.
      - V(stand_by) gives the host what a standby of the profile has, and makes it the director where it does not stand by.
      - V(direct) makes it the director all the same.
    type: str
    choices: [fail, stand_by, direct]
    default: fail
  take_over:
    description:
      - Take the VIPs without asking who has them, in place of a director that is still there.
    type: bool
    default: false
  adopt:
    description:
      - Take over what others have set up as the profile says.
    type: bool
    default: false
  leave:
    description:
      - With O(state=withdrawn), leave VIPs and table in place, for another program that has them from then on.
    type: bool
    default: false
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
  - module: lvsdr.cluster.lvsdr_realserver
  - module: lvsdr.cluster.lvsdr_verify
"""

EXAMPLES = r"""
- name: The director, as its profile says
  lvsdr.cluster.lvsdr_director:
    profile:
      role: director
      name: web
      interface: eth0
      vips:
        - address: 192.168.1.2
      virtual_servers:
        - vip: 192.168.1.2
          protocol: tcp
          port: 80
          real_servers:
            - rip: 192.168.1.11
            - rip: 192.168.1.12
  become: true

- name: What would a file on the host change?
  lvsdr.cluster.lvsdr_director:
    path: /etc/lvsdr/director.json
  check_mode: true
  diff: true
  become: true

- name: Nobody is sent to a real server any more, and those who are there have gone
  lvsdr.cluster.lvsdr_director:
    state: drained
    rip: 192.168.1.11
    timeout: 300
  become: true

- name: It serves again
  lvsdr.cluster.lvsdr_director:
    state: restored
    rip: 192.168.1.11
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
      object: real_server
      key: [tcp, 192.168.1.2, 80, 192.168.1.11, 80]
      before: {weight: 1}
      after: {weight: 0}
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
file:
  description: The file of the profile.
  returned: success
  type: str
file_changed:
  description: Whether that file was written, or would be.
  returned: success
  type: bool
announced:
  description: The VIPs that were announced to the segment.
  returned: O(state=applied) and O(state=withdrawn), outside of check mode
  type: list
  elements: str
standby:
  description: What keepalived said last, where the host stands by; else null.
  returned: O(state=applied) in check mode or with O(on_standby=stand_by)
  type: str
kept:
  description: What stays other than the profile says, or than it was before, and why.
  returned: O(state=applied) and O(state=withdrawn)
  type: list
  elements: dict
left:
  description: What is left of the connections of each drained real server.
  returned: O(state=drained), outside of check mode
  type: list
  elements: dict
obstacles:
  description: Why connections may not end by themselves.
  returned: O(state=drained), outside of check mode
  type: list
  elements: str
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
from ansible_collections.lvsdr.cluster.plugins.module_utils import lvsdr_changes
from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_failure import fail, hint_lines
from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_profile import (
    ProfileFile,
    options,
)
from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_program import OPTIONS
from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_states import (
    CANNOT_RUN,
    LOCK,
    Role,
)

ARGUMENTS = {
    **OPTIONS,
    **LOCK,
    **options("director"),
    "state": {
        "type": "str",
        "choices": ["applied", "withdrawn", "drained", "restored"],
        "default": "applied",
    },
    "name": {"type": "str"},
    "rip": {"type": "list", "elements": "str"},
    "virtual_servers": {"type": "list", "elements": "str"},
    "timeout": {"type": "float", "default": 600},
    "persistent": {"type": "bool", "default": False},
    "on_standby": {
        "type": "str",
        "choices": ["fail", "stand_by", "direct"],
        "default": "fail",
    },
    "take_over": {"type": "bool", "default": False},
    "adopt": {"type": "bool", "default": False},
    "leave": {"type": "bool", "default": False},
}


def applied(director):
    """Make the host the director, or what keepalived says that it is to be."""
    params, check = director.module.params, director.module.check_mode
    heedless = ["--even-on-standby"] if params["on_standby"] == "direct" else []
    adopting = ["--adopt"] if params["adopt"] else []
    role = [*heedless, *adopting]
    taking = ["--take-over"] if params["take_over"] else []
    if not check and params["on_standby"] != "stand_by":
        director.end(director.apply(*role, *taking))
    planned = director.plan(*role)
    standby = planned.document["standby"]
    if check:
        if standby and params["on_standby"] == "fail":
            fail_on_standby(director.module, planned)
        director.end(planned)
    if not planned.document["changes"]:
        director.file.write()
        director.end(planned)
    done = director.apply("--standby") if standby else director.apply(*role, *taking)
    done.document["standby"] = standby
    director.end(done)


def fail_on_standby(module, planned):
    """Fail as an apply would: a second director resets the connections of the first."""
    error = "cannot make this host the director: it stands by (%s)" % planned.document["standby"]
    hints = ["lvsdr keepalived status", "on_standby: stand_by gives it what a standby has"]
    lines = ["%s (exit %d)" % (error, CANNOT_RUN), *hint_lines(hints)]
    fail(module, error, hints, lines, **{**planned.common(), "exit_code": CANNOT_RUN})


def weighed(director, restored):
    """Drain the real servers one after another, or give each its weight back."""
    module, file = director.module, director.file
    # What is drained is of the profile that was applied: its file is no matter of ours here.
    with file.for_a_look() as path:
        file.changed = False
        renamed = (path, file.path)
        if module.check_mode:
            said = director.program.run(["director", "status", path], (0, 1), renamed=renamed)
            rips = module.params["rip"]
            director.end(said, lvsdr_changes.of_weights(said.document["objects"], rips, restored))
        changes, left, obstacles = [], [], []
        for rip in module.params["rip"]:
            asked = [*drain_words(module.params, rip, restored), *director.waiting, path]
            failing = {"changed": bool(changes), "changes": changes, "left": left}
            said = director.program.run(asked, (0, 1), renamed=renamed, **failing)
            changes += said.document["changes"]
            left += said.document["left"]
            obstacles += said.document["obstacles"]
            if said.exit_code and module.params["timeout"] > 0:
                fail_left(module, said, rip, changes, left)
    said.document.update(left=left, obstacles=obstacles)
    director.end(said, changes)


def drain_words(params, rip, restored):
    """Return the words that drain one real server, or give it its weight back."""
    services = [word for each in params["virtual_servers"] or () for word in ("--vs", each)]
    waiting = ["--timeout", "%g" % params["timeout"]]
    waiting += ["--persistent"] if params["persistent"] else []
    return ["director", "drain", "--rip", rip, *services, *(["--undo"] if restored else waiting)]


def fail_left(module, said, rip, changes, left):
    """Fail where connections are left: whoever goes on would cut them."""
    standing = [each for each in said.document["left"] if each["active"] or each["inactive"]]
    counted = sum(each["active"] + each["inactive"] for each in standing)
    error = "%s is drained, and %d of its connections are left after %g s" % (
        rip,
        counted,
        module.params["timeout"],
    )
    hints = ["wait longer with timeout, or take it back into service with state: restored"]
    lines = [error, *said.document["obstacles"], *hint_lines(hints)]
    fail(
        module,
        error,
        hints,
        lines,
        changed=bool(changes),
        changes=changes,
        left=left,
        obstacles=said.document["obstacles"],
        **said.common(),
    )


def main():
    """Do what the task asks for."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "drained", ["rip"]), ("state", "restored", ["rip"])],
    )
    director = Role(module, "director", ProfileFile(module))
    state = module.params["state"]
    if state == "applied":
        applied(director)
    elif state == "withdrawn":
        director.withdraw(*(["--leave"] if module.params["leave"] else []))
    else:
        weighed(director, restored=state == "restored")


if __name__ == "__main__":
    main()
