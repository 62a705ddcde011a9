# Copyright: the authors of lvsdr
# SPDX-License-Identifier: Apache-2.0
"""What the documentation of the modules shares."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragments of documentation, by what they are of."""

    # The program itself.
    DOCUMENTATION = r"""
options:
  executable:
    description:
      - Where C(lvsdr) is on the host.
      - By default it is looked for in E(PATH), in V(/usr/local/bin), V(/usr/local/sbin) and V(/opt/lvsdr/bin).
    type: path
  netns:
    description:
      - The network namespace, by its name or its path, that this is about; by default that of the task.
    type: str
requirements:
  - lvsdr 0.2 on the host
notes:
  - C(lvsdr) needs root, or C(CAP_NET_ADMIN) and C(CAP_NET_RAW), so most tasks need O(ignore:become=true).
attributes:
  async:
    description: Supports being used with the C(async) keyword.
    support: full
  platform:
    description: Target OS families that can be operated against.
    platforms: Linux
    support: full
"""

    # What only tells.
    INFO = r"""
attributes:
  check_mode:
    description: It changes nothing in any mode.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""
