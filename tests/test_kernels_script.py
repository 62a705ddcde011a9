"""The script that unpacks newer kernels: what it leaves alone, and what it refuses."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Nobody answers there, at once: whatever asks the network fails.
NOWHERE = "http://127.0.0.1:9/debian"


def kernels(folder: Path, *series: str) -> subprocess.CompletedProcess[str]:
    words = ["sh", str(ROOT / "tests" / "kernels.sh"), str(folder), *series]
    settings = {"PATH": "/usr/bin:/bin", "DEBIAN_MIRROR": NOWHERE}
    return subprocess.run(
        words, env=settings, capture_output=True, text=True, timeout=120, check=False
    )


def unpacked(folder: Path, program: str) -> None:
    (folder / "7.2" / "modules").mkdir(parents=True)
    kernel = folder / "7.2" / "linux.uml"
    kernel.write_text(program)
    kernel.chmod(0o755)


def test_a_kernel_that_starts_is_left_alone_and_the_network_is_not_asked(tmp_path: Path) -> None:
    unpacked(tmp_path, "#!/bin/sh\necho 7.2.7\n")

    done = kernels(tmp_path, "7.2")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [each.name for each in tmp_path.iterdir()] == ["7.2"]


def test_a_kernel_that_does_not_start_is_fetched_anew_and_kept_until_there_is_one(
    tmp_path: Path,
) -> None:
    """A folder that was moved has its libc where there is none any more."""
    unpacked(tmp_path, "#!/no/such/libc\n")

    done = kernels(tmp_path, "7.2")

    assert done.returncode != 0
    assert "127.0.0.1" in done.stdout + done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["7.2"]


def test_a_series_that_no_suite_has_is_refused(tmp_path: Path) -> None:
    done = kernels(tmp_path / "kernels", "5.0")

    assert done.returncode == 2
    assert "no suite of Debian is known that has Linux 5.0" in done.stderr
