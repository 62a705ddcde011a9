"""What ansible-test calls to get pip into an empty environment, in place of a download.

Python brings one, which gets the version that is asked for from where this machine's pip gets all.
"""

from __future__ import annotations

import os
import subprocess
import sys

# Those of get-pip.py alone.
ITS_OWN = {"--no-setuptools", "--no-wheel"}

if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word not in ITS_OWN]
    # It finds the script that is run in place of get-pip.py, and would run it again.
    os.environ.pop("GET_PIP", None)
    for command in (["ensurepip"], ["pip", "install", *words]):
        subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.DEVNULL)
