#!/usr/bin/python
# Copyright: the authors of lvsdr
# SPDX-License-Identifier: Apache-2.0
"""The proof that a cluster is as its profile says, as a task of Ansible."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lvsdr_verify
short_description: Prove that a Linux Virtual Server cluster is as its profile says
version_added: "0.2.0"
description:
  - Asks the wire who answers for the VIPs, and whether each real server serves, by C(lvsdr) on the host. It changes nothing.
  - Fails where there is a finding of severity error, unless O(fail_on) says otherwise.
  - A task starts C(lvsdr) once.
extends_documentation_fragment:
  - lvsdr.cluster.lvsdr
options:
  seen_from:
    description:
      - V(director) proves the director that the host is, who answers for its VIPs, and the path to each real server.
      - V(realserver) proves the real server that the host is.
      - V(segment) asks from any other host, and sends requests to the services of a director's profile.
    type: str
    choices: [director, realserver, segment]
    default: director
  profile:
    description:
      - The profile, with the fields of lvsdr-profile(5). It is not written to the host.
      - Without it, the profile is what is in O(path).
    type: dict
  path:
    description:
      - The file of the profile on the host. By default the one below V(/etc/lvsdr) of O(seen_from), for V(segment) the director's.
    type: path
  fail_on:
    description:
      - Of which severity a finding fails the task.
      - V(warning) means warnings and errors.
    type: str
    choices: [error, warning, never]
    default: error
  paths:
    description:
      - With V(director) for O(seen_from), send a probe along the path to each real server.
    type: bool
    default: true
  seconds:
    description:
      - How many seconds to wait for answers.
    type: float
  rate:
    description:
      - How many frames to send at most in a second.
    type: int
  interface:
    description:
      - With V(segment) for O(seen_from), the link to ask on.
    type: str
attributes:
  check_mode:
    description: It changes nothing in any mode.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
author: "the authors of lvsdr (!UNKNOWN)"
seealso:
  - module: lvsdr.cluster.lvsdr_director
  - module: lvsdr.cluster.lvsdr_realserver
"""

EXAMPLES = r"""
- name: The director alone answers for the VIPs, and each real server serves
  lvsdr.cluster.lvsdr_verify:
  become: true
  register: proof

- name: Who answers?
  ansible.builtin.debug:
    var: proof.answers

- name: The same, from a host that is neither, and nothing fails
  lvsdr.cluster.lvsdr_verify:
    seen_from: segment
    profile: "{{ hostvars['director1'].lvsdr_director_profile }}"
    fail_on: never
  become: true
"""

RETURN = r"""
ok:
  description: Whether there is no finding of severity error.
  returned: when the proof was made
  type: bool
findings:
  description: What is wrong, and how to mend it.
  returned: when the proof was made
  type: list
  elements: dict
  sample:
    - rule: ARP-ANSWER
      severity: error
      subject: 192.168.1.2
      vip: 192.168.1.2
      mac: 02:00:00:00:00:12
      rip: 192.168.1.12
      message: "real server 192.168.1.12 (02:00:00:00:00:12) answers ARP for 192.168.1.2: traffic bypasses the director"
      hint:
      look: lvsdr realserver verify says why; afterwards, on the director, lvsdr director announce
      "on": 192.168.1.12
answers:
  description: Who answered for each VIP.
  returned: when the proof was made
  type: list
  elements: dict
  sample:
    - {vip: 192.168.1.2, mac: "02:00:00:00:00:10", form: own, host: this host, sender: null}
paths:
  description: What became of the probe to each real server.
  returned: when the proof was made
  type: list
  elements: dict
  sample:
    - {vip: 192.168.1.2, protocol: tcp, port: 80, fwmark: null, rip: 192.168.1.11, verdict: served}
services:
  description: What became of the requests to each service.
  returned: when the proof was made
  type: list
  elements: dict
standby:
  description: What keepalived said last, where the host stands by; else null.
  returned: when the proof was made
  type: str
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
  description: >-
    The exit code of C(lvsdr). V(1) means findings of severity error, V(2) a bad profile, V(6) a host where it cannot run.
  returned: always
  type: int
error:
  description: The first finding, or why there is no proof, in one line.
  returned: failure
  type: str
hints:
  description: How to mend it.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_failure import fail
from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_profile import ProfileFile
from ansible_collections.lvsdr.cluster.plugins.module_utils.lvsdr_program import OPTIONS, Program

ARGUMENTS = {
    **OPTIONS,
    "seen_from": {
        "type": "str",
        "choices": ["director", "realserver", "segment"],
        "default": "director",
    },
    "profile": {"type": "dict"},
    "path": {"type": "path"},
    "fail_on": {"type": "str", "choices": ["error", "warning", "never"], "default": "error"},
    "paths": {"type": "bool", "default": True},
    "seconds": {"type": "float"},
    "rate": {"type": "int"},
    "interface": {"type": "str"},
}
COMMANDS = {
    "director": ["director", "verify"],
    "realserver": ["realserver", "verify"],
    "segment": ["verify"],
}
SEVERITIES = {"error": ["error"], "warning": ["error", "warning"], "never": []}


def words(params):
    """Return the command and the options of a proof."""
    seen_from = params["seen_from"]
    asked = list(COMMANDS[seen_from])
    if seen_from == "director" and not params["paths"]:
        asked.append("--no-paths")
    if seen_from == "segment" and params["interface"]:
        asked += ["--interface", params["interface"]]
    # A real server asks nobody for the VIPs.
    timed = () if seen_from == "realserver" else ("seconds", "rate")
    for name in timed:
        if params[name] is not None:
            asked += ["--" + name, "%g" % params[name]]
    return asked


def told_of(finding):
    """Return a finding in one line, and what mends it."""
    where = "on %s: " % finding["on"] if finding["on"] else ""
    remedies = [where + finding[kind] for kind in ("hint", "look") if finding[kind]]
    return "%s: %s" % (finding["rule"], finding["message"]), remedies


def main():
    """Do what the task asks for."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    role = "realserver" if module.params["seen_from"] == "realserver" else "director"
    if module.params["path"] is None:
        module.params["path"] = "/etc/lvsdr/%s.json" % role
    file = ProfileFile(module)
    with file.for_a_look() as path:
        asked = [*words(module.params), path]
        said = Program(module).run(asked, (0, 1), renamed=(path, file.path))
    told = {name: each for name, each in said.document.items() if name not in ("format", "notes")}
    told.update(said.common(), notes=[*said.document["notes"], *said.notes])
    severities = SEVERITIES[module.params["fail_on"]]
    wrong = [each for each in told["findings"] if each["severity"] in severities]
    if not wrong:
        module.exit_json(changed=False, **told)
    lines = [told_of(each) for each in wrong]
    hints = [remedy for found, remedies in lines for remedy in remedies]
    text = [
        line for found, remedies in lines for line in (found, *map("  hint: {0}".format, remedies))
    ]
    fail(module, lines[0][0], hints, text, **told)


if __name__ == "__main__":
    main()
