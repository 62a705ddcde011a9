"""Print what a package is made of as CycloneDX JSON: sbom.py LIBRARIES LOCK VERSION.

Names, versions and hashes are those of the lock file, licences those that the libraries state.
There is neither a time nor a random number in it: two builds are equal.
"""

from __future__ import annotations

import json
import re
import sys
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

LOCKED = re.compile(r"^([\w.-]+)==(\S+) \\\n((?:    --hash=sha256:\w+(?: \\)?\n)+)", re.M)
# As a library states it in words, where it has no SPDX expression.
WORDS = {"MIT License": "MIT", "BSD License": "BSD-3-Clause", "PSF-2.0": "PSF-2.0"}


def main(libraries: Path, lock: Path, version: str) -> None:
    """Print the document for `version`, which brings the `libraries` of the `lock` file."""
    parts = [
        _component(libraries, name, number, re.findall(r"sha256:(\w+)", hashes))
        for name, number, hashes in LOCKED.findall(lock.read_text(encoding="utf-8"))
    ]
    itself = {
        "type": "application",
        "bom-ref": f"pkg:generic/lvsdr@{version}",
        "name": "lvsdr",
        "version": version,
        "licenses": [{"expression": "Apache-2.0"}],
        "purl": f"pkg:generic/lvsdr@{version}",
    }
    needs = [{"ref": itself["bom-ref"], "dependsOn": [each["bom-ref"] for each in parts]}]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": itself},
        "components": parts,
        "dependencies": needs + [{"ref": each["bom-ref"]} for each in parts],
    }
    print(json.dumps(document, indent=2))


def _component(libraries: Path, name: str, version: str, hashes: list[str]) -> dict[str, Any]:
    (metadata,) = libraries.glob(f"{name.replace('-', '_')}-{version}.dist-info/METADATA")
    stated = HeaderParser().parsestr(metadata.read_text(encoding="utf-8"))
    licence = stated["License-Expression"] or WORDS[stated["License"]]
    address = f"pkg:pypi/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": address,
        "name": name,
        "version": version,
        "licenses": [{"expression": licence}],
        "purl": address,
        # The lock takes any of these: a wheel and the sources that it was made from.
        "externalReferences": [
            {
                "type": "distribution",
                "url": address,
                "hashes": [{"alg": "SHA-256", "content": each}],
            }
            for each in hashes
        ],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
