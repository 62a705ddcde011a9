"""Which User-Mode Linux is booted: this host's package, or the one that LVSDR_UML names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from lvsdr.errors import CannotRun
from lvsdr.model.late_dataclasses import dataclass

VARIABLE = "LVSDR_UML"
PACKAGED = Path("/usr/lib/uml/modules")
PROGRAM = "linux.uml"
# From util-linux 2.42 on it is in a package of its own.
PIVOT, INSTALL_PIVOT = "pivot_root", "apt-get install util-linux-extra"
# What the guest is made with.
OTHERS = ("modprobe", "ip", "bash", "mount", "stty", PIVOT)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INSTALL = "apt-get install user-mode-linux kmod iproute2"
LAYOUT = f"{VARIABLE} is a folder with {PROGRAM} and modules/RELEASE; unset, the package is used"


@dataclass(frozen=True, slots=True)
class UmlKernel:
    """A kernel that can be booted; `modules` has a folder for each release."""

    program: str
    modules: Path


def named() -> str:
    """Return the folder of the kernel that the environment names, empty where it names none."""
    return os.environ.get(VARIABLE, "")


def available() -> str | None:
    """Return None where the guest can be booted, else what is missing, as part of a sentence."""
    kernel = _kernel()
    if kernel is None:
        folder = named()
        there = f"{VARIABLE} names {folder}, which has no program {PROGRAM}"
        return there if folder else f"{PROGRAM} is not installed"
    missing = [program for program in OTHERS if found(program) is None]
    if missing:
        return f"{missing[0]} is not installed"
    if not any(kernel.modules.glob("*/modules.dep")):
        return f"no kernel modules in {kernel.modules}"
    return None


def chosen(doing: str, why: str = "") -> UmlKernel:
    """Return the kernel to boot; raise CannotRun, which says that one cannot do `doing`.

    `why` says what it is needed for, before what is missing.
    """
    kernel, missing = _kernel(), available()
    if kernel is None or missing is not None:
        install = INSTALL_PIVOT if (missing or "").startswith(PIVOT) else INSTALL
        raise CannotRun(f"cannot {doing}: {why}{missing}", hints=[LAYOUT if named() else install])
    return kernel


def _kernel() -> UmlKernel | None:
    if folder := named():
        # The guest is started in another folder.
        place = Path(folder).resolve()
        program, modules = shutil.which(place / PROGRAM), (place / "modules").resolve()
    else:
        program, modules = found(PROGRAM), PACKAGED
    return None if program is None else UmlKernel(program, modules)


def found(program: str) -> str | None:
    """Return the path of a program that the guest is made with."""
    return shutil.which(program, path=search_path(os.environ))


def search_path(environment: Mapping[str, str]) -> str:
    """Return PATH for the guest: absolute folders alone, for the current one may be anyone's."""
    folders = f"{environment.get('PATH', PATH)}:{PATH}".split(":")
    return ":".join(dict.fromkeys(folder for folder in folders if folder.startswith("/")))
