"""Packages that the distribution brings: looked for where one of them is wanted, not at each start.

The launcher starts Python without them (-S): to look for them takes as long as a small plan, and
runs what other packages have left to be run at each start of any program (*.pth).
"""

from __future__ import annotations

import sys


def look_for(package: str) -> None:
    """Let an import find `package`, where the program does not bring it and the host may have it.

    What the program brings still comes first.
    """
    if not sys.flags.no_site:
        return
    import site  # noqa: PLC0415
    from importlib.util import find_spec  # noqa: PLC0415

    if find_spec(package) is None:
        site.main()
