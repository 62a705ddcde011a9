"""Which kernel is booted: the packaged one, or that of the folder which LVSDR_UML names."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsdr.errors import CannotRun
from lvsdr.lab import kernel_choice, uml, uml_kernel

BOOTS = pytest.mark.skipif(
    "LVSDR_LAB" in os.environ or uml_kernel.available() is not None,
    reason=str(uml_kernel.available() or "a guest boots no guest"),
)


@pytest.fixture(params=["here", "below /dev/shm", "with a space"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder with the packaged kernel, which puts a word of its own into the guest."""
    hidden = "/dev/shm" if "shm" in request.param else tmp_path
    with tempfile.TemporaryDirectory(dir=hidden) as name:
        made = Path(name) / request.param.rpartition("/")[2]
        made.mkdir()
        program = made / uml_kernel.PROGRAM
        program.write_text(f'#!/bin/sh\nexec {shutil.which(uml_kernel.PROGRAM)} "$@" OWN=kernel\n')
        program.chmod(0o755)
        (made / "modules").mkdir()
        for release in uml_kernel.PACKAGED.iterdir():
            (made / "modules" / release.name).symlink_to(release)
        yield made


@BOOTS
def test_the_kernel_that_is_named_is_booted_with_its_own_modules(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(uml_kernel.VARIABLE, str(folder))
    look = "tr '\\0' '\\n' </proc/1/environ; readlink /lib/modules/$(uname -r); modprobe vrf"

    code = uml.run(["sh", "-c", look], timeout=60.0)

    said = capfd.readouterr().out.splitlines()
    assert (code, "OWN=kernel" in said) == (0, True)
    assert said[-1].startswith(f"{folder}/modules/")


@BOOTS
def test_a_folder_may_be_named_from_where_one_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv(uml_kernel.VARIABLE, folder.name)

    code = uml.run(["cat", "/proc/1/environ"], timeout=60.0)

    assert (code, "OWN=kernel" in capfd.readouterr().out.split("\0")) == (0, True)


@pytest.mark.parametrize(
    ("has", "said"),
    [
        ((), "LVSDR_UML names {}, which has no program linux.uml"),
        (("linux.uml",), "no kernel modules in {}/modules"),
    ],
)
def test_a_folder_that_has_no_kernel_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has: tuple[str, ...], said: str
) -> None:
    for name in has:
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv(uml_kernel.VARIABLE, str(tmp_path))

    with pytest.raises(CannotRun) as refused:
        kernel_choice.require_uml()

    assert refused.value.message == f"cannot rehearse: {said.format(tmp_path)}"
    assert refused.value.hints == [uml_kernel.LAYOUT]


def test_who_names_a_kernel_rehearses_on_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LVSDR_LAB", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(kernel_choice, "_has_ipvs", lambda: True)
    monkeypatch.setenv(uml_kernel.VARIABLE, "/srv/kernel")
    named = kernel_choice.this_kernel_fits()
    monkeypatch.setenv(uml_kernel.VARIABLE, "")

    assert (named, kernel_choice.this_kernel_fits()) == (False, True)
