"""What ldirectord makes of exported files is what `apply` makes.

It is a package that nothing else needs, and slow: in `make torture`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest
from exported_tables import MORE, UNIFORM, VARIED, applied, exported, one_host, table
from rig import Document, settled, write

from lvsdr.lab.lab_host import Host


@contextmanager
def ldirectord(host: Host, folder: Path, conf: str) -> Iterator[None]:
    path = folder / "ldirectord.cf"
    path.write_text(conf, encoding="utf-8")
    program_ = which("ldirectord")
    assert program_ is not None, "ldirectord is one of the packages of make torture"
    with (folder / "ldirectord.log").open("wb") as log:
        words, none = [program_, "-d", str(path), "start"], subprocess.DEVNULL
        process = host.inside(lambda: subprocess.Popen(words, stdin=none, stdout=log, stderr=log))
    try:
        yield
    finally:
        # It would go on with what it is at, until it is done.
        process.kill()
        process.wait(30)
        Path("/run/ldirectord.ldirectord.pid").unlink(missing_ok=True)


@pytest.mark.parametrize("profile", [UNIFORM, VARIED], ids=["uniform", "varied"])
def test_ldirectord_makes_the_table_that_apply_makes(tmp_path: Path, profile: Document) -> None:
    path = write(tmp_path, profile)
    with one_host() as host:
        wanted = applied(host, path)
        text, _ = exported(host, "ldirectord", path)
        with ldirectord(host, tmp_path, text):
            seen = settled(lambda: table(host), wanted, 300, every=5)

    assert seen == wanted, (tmp_path / "ldirectord.log").read_text()[-3000:]


def test_ldirectord_is_told_not_to_have_words_for_some(tmp_path: Path) -> None:
    path = write(tmp_path, MORE)
    with one_host() as host:
        text, said = exported(host, "ldirectord", path, code=1)
        with ldirectord(host, tmp_path, text):
            seen = settled(lambda: len(table(host)) > 3, True, 120, every=2)

    # What it has words for, it takes.
    assert seen, (tmp_path / "ldirectord.log").read_text()[-3000:]
    assert "sctp" in said and "gue" not in text and "sip" in said
    assert "ipvsadm --set 901 0 0" in said
