"""The throw-away kernel from outside: each test boots one and asks the host what came of it."""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from lvsdr.errors import CannotRun
from lvsdr.lab import one_cpu, uml, uml_kernel

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 60
NOBODY = 65534
Runner = subprocess.Popen[bytes]

pytestmark = [
    pytest.mark.skipif(
        "LVSDR_LAB" in os.environ, reason="the runner is tested from outside of its guest"
    ),
    pytest.mark.skipif(uml_kernel.available() is not None, reason=str(uml_kernel.available())),
]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TMPDIR of our own: what a guest forgot to clean is found here."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def finished(
    *command: str,
    options: Sequence[str] = (),
    runner: Sequence[str] = (sys.executable,),
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    argv = [*runner, "-m", "lvsdr.lab", *options, "--", *command]
    return subprocess.run(argv, cwd=cwd, env=env, capture_output=True, timeout=LIMIT, check=False)


@contextmanager
def started(*command: str, options: Sequence[str] = ()) -> Iterator[Runner]:
    """Give a running runner; it is gone at the end of the block, whatever became of the test."""
    argv = [sys.executable, "-m", "lvsdr.lab", *options, "--", *command]
    with Runner(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def first_output(process: Runner) -> bytes:
    assert process.stdout
    assert select.select([process.stdout], [], [], LIMIT)[0]
    return os.read(process.stdout.fileno(), 1000)


def becomes(condition: Callable[[], bool]) -> bool:
    """Wait until the condition holds; False at the deadline."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            return False
        select.select([], [], [], 0.01)
    return True


def guests(scratch: Path) -> list[str]:
    """The processes of the guests whose job folder is in scratch: their command lines name it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if b'init="' + os.fsencode(scratch) in words:
            found.append(path.parent.name)
    return found


def nothing_is_left(scratch: Path) -> bool:
    return becomes(lambda: not guests(scratch)) and not list(scratch.iterdir())


def test_a_command_killed_by_a_signal_is_128_and_its_number() -> None:
    assert finished("sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM


def test_a_command_that_does_not_exist_is_127() -> None:
    result = finished("no-such-command")

    assert result.returncode == 127
    assert b"no-such-command" in result.stderr


def test_every_byte_arrives_and_on_its_own_stream() -> None:
    write = (
        "import os\nevery = bytes(range(256)) * 3\nos.write(1, every)\nos.write(2, every[::-1])\n"
    )

    result = finished("/usr/bin/python3", "-c", write)

    assert result.stdout == bytes(range(256)) * 3
    assert result.stderr == (bytes(range(256)) * 3)[::-1]


def test_a_megabyte_arrives_whole_even_when_its_reader_is_slow() -> None:
    numbers = b"".join(b"%d\n" % number for number in range(160_000))
    assert len(numbers) > 1_000_000

    with started("seq", "0", "159999") as process:
        received = b""
        while chunk := first_output(process):
            received += chunk

        assert process.wait(LIMIT) == 0
    assert received == numbers


def test_a_megabyte_arrives_whole_on_both_streams_at_once() -> None:
    result = finished("sh", "-c", "seq 0 159999 & seq 0 159999 >&2; wait")

    assert result.stdout == result.stderr == b"".join(b"%d\n" % n for n in range(160_000))


def test_output_is_live() -> None:
    with started("sh", "-c", "echo first; sleep 600") as process:
        assert first_output(process) == b"first\n"
        assert process.poll() is None


def test_the_command_sees_no_terminal_and_no_input() -> None:
    result = finished("sh", "-c", "test -t 0 || test -t 1 || test -t 2; echo $?; cat")

    assert result.stdout == b"1\n"


def test_arguments_arrive_exactly() -> None:
    arguments = [
        "",
        " ",
        "two words",
        "new\nline\n",
        "'\"\\$HOME`",
        "*",
        "-x",
        "--",
        "ümläut",
        "\t",
    ]

    result = finished("sh", "-c", 'printf "%s\\0" "$@"', "sh", *arguments)

    assert result.stdout == b"".join(argument.encode() + b"\0" for argument in arguments)


def test_a_command_may_have_an_equals_sign_in_its_name(tmp_path: Path) -> None:
    command = tmp_path / "a=b"
    command.write_text("#!/bin/sh\necho ran\n")
    command.chmod(0o755)

    assert finished(str(command)).stdout == b"ran\n"


def test_the_environment_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITH_NEWLINE", "one\ntwo = 'three'")
    monkeypatch.setenv("PATH", "/opt/mine:/usr/bin:/bin")

    result = finished("env", "-0")

    seen = dict(pair.split(b"=", 1) for pair in result.stdout.split(b"\0") if pair)
    assert seen[b"WITH_NEWLINE"] == b"one\ntwo = 'three'"
    assert seen[b"LVSDR_LAB"] == b"uml"
    assert seen[b"PATH"].startswith(b"/opt/mine:/usr/bin:/bin:")
    assert b"/usr/sbin" in seen[b"PATH"].split(b":")


def test_run_takes_a_folder_and_an_environment(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = uml.run(
        ["sh", "-c", 'pwd; echo "$WORD"; exit 9'],
        environment={"WORD": "from the test"},
        directory=tmp_path,
        timeout=LIMIT,
    )

    assert code == 9
    assert capfd.readouterr().out == f"{tmp_path}\nfrom the test\n"


def test_whoever_runs_it_is_told_before_its_output_comes(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """For something may stand on the terminal until then."""
    code = uml.run(["echo", "here"], timeout=LIMIT, heard=lambda: print("gone", flush=True))

    assert code == 0
    assert capfd.readouterr().out == "gone\nhere\n"


def test_nothing_written_reaches_the_host(scratch: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.write_text("as it was")
    script = f"""
        echo changed >{ours} && echo new >{tmp_path}/new && mkdir -p /lvsdr-was-here &&
        echo x >/etc/lvsdr-was-here && echo x >/tmp/lvsdr-was-here && echo x >/run/lvsdr-was-here &&
        cat {ours}
    """

    result = finished("sh", "-c", script)

    assert (result.returncode, result.stdout) == (0, b"changed\n")
    assert ours.read_text() == "as it was"
    assert not (tmp_path / "new").exists()
    for folder in ("/", "/etc", "/tmp", "/run"):
        assert not Path(folder, "lvsdr-was-here").exists()
    assert nothing_is_left(scratch)


def test_the_out_folder_reaches_the_host(scratch: Path, tmp_path: Path) -> None:
    out = tmp_path / "made, and with a space"
    script = f'echo kept >"{out}/file"; head -c 1000000 /dev/zero >"{out}/big"'

    result = finished("sh", "-c", script, options=("--out", str(out)))

    assert (result.returncode, result.stderr) == (0, b"")
    assert (out / "file").read_text() == "kept\n"
    assert (out / "big").read_bytes() == bytes(1_000_000)
    assert nothing_is_left(scratch)


@pytest.mark.parametrize("parent", ["/tmp", "/run", "/dev/shm", "/root", "/home"])
def test_a_checkout_is_seen_wherever_it_is(parent: str) -> None:
    if not os.access(parent, os.W_OK):
        pytest.skip(f"{parent} is not writable")
    with tempfile.TemporaryDirectory(prefix="lvsdr, test ", dir=parent) as folder:
        (Path(folder) / "file").write_text("seen")
        script = "cat file; echo x >file; echo kept >out/file"

        result = finished(
            *("sh", "-c", script),
            options=("--out", f"{folder}/out"),
            cwd=Path(folder),
            env={**os.environ, "TMPDIR": folder, "PYTHONPATH": str(ROOT)},
        )

        assert (result.returncode, result.stdout, result.stderr) == (0, b"seen", b"")
        assert sorted(path.name for path in Path(folder).iterdir()) == ["file", "out"]
        assert (Path(folder) / "file").read_text() == "seen"
        assert (Path(folder) / "out/file").read_text() == "kept\n"


def test_the_time_limit_kills_the_guest(scratch: Path) -> None:
    result = finished("sh", "-c", "sleep 600", options=("--timeout", "3"))

    assert result.returncode == 6
    assert b"cannot finish sh: the limit of 3 s was reached" in result.stderr
    assert nothing_is_left(scratch)


def test_the_time_limit_holds_when_nobody_reads(scratch: Path) -> None:
    with started("yes", options=("--timeout", "4")) as process:
        assert process.wait(LIMIT) == 6
    assert nothing_is_left(scratch)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_to_the_runner_kills_the_guest(scratch: Path, name: str) -> None:
    with started("sh", "-c", "echo up; sleep 600") as process:
        first_output(process)
        assert guests(scratch)

        process.send_signal(signal.Signals[name])

        assert process.wait(LIMIT) == 3
        assert process.stderr
        assert f"lvsdr: interrupted by {name}".encode() in process.stderr.read()
    assert nothing_is_left(scratch)


def test_the_guest_does_not_outlive_a_runner_killed_by_force(scratch: Path) -> None:
    with started("sh", "-c", "echo up; sleep 600") as process:
        first_output(process)
        assert guests(scratch)

        process.kill()

        assert nothing_is_left(scratch)


@pytest.mark.parametrize("command", ["sleep 600", "yes"])
def test_the_guest_stops_when_nobody_reads_any_more(scratch: Path, command: str) -> None:
    with started("sh", "-c", f"echo up; exec {command}") as process:
        first_output(process)
        assert process.stdout

        process.stdout.close()

        assert process.wait(LIMIT) == 3
        assert process.stderr
        assert b"nobody reads its output" in process.stderr.read()
    assert nothing_is_left(scratch)


def test_a_guest_stays_on_one_cpu_of_those_it_may_use(scratch: Path) -> None:
    with started("sh", "-c", "echo up; sleep 600") as process:
        first_output(process)

        used = {frozenset(os.sched_getaffinity(int(pid))) for pid in guests(scratch)}

    (cpus,) = used
    assert len(cpus) == 1
    assert cpus <= os.sched_getaffinity(0)


def test_of_the_cpus_that_a_guest_may_use_it_takes_that_with_the_fewest_guests(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started("sh", "-c", "echo up; sleep 600") as process:
        first_output(process)
        (bound,) = {cpu for pid in guests(scratch) for cpu in os.sched_getaffinity(int(pid))}
        # Other runs have guests too.
        assert bound in set(one_cpu.taken())

    monkeypatch.setattr(one_cpu, "taken", lambda: iter((0, 0, 1, 3, 3)))
    assert one_cpu.emptiest({0, 1, 3}) == 1
    assert one_cpu.emptiest({0, 1, 2, 3}) == 2
    assert one_cpu.emptiest({0, 3}) in {0, 3}


def test_a_daemon_left_behind_does_not_hold_the_guest() -> None:
    result = finished("sh", "-c", "(trap '' TERM HUP; setsid sleep 600) & echo done")

    assert (result.returncode, result.stdout) == (0, b"done\n")


def test_a_panic_is_an_error_with_its_reason(scratch: Path) -> None:
    result = finished("sh", "-c", "echo before; sleep 0.1; echo c >/proc/sysrq-trigger; sleep 600")

    assert result.returncode == 6
    assert result.stdout == b"before\n"
    assert b"cannot finish sh: the throw-away kernel died" in result.stderr
    assert b"Kernel panic - not syncing: sysrq triggered crash" in result.stderr
    assert nothing_is_left(scratch)


def test_a_kernel_that_cannot_boot_is_an_error() -> None:
    result = finished("true", options=("--memory", "1"))

    assert result.returncode == 6
    assert b"lvsdr: cannot finish true: the throw-away kernel died" in result.stderr


def test_guests_run_at_once_and_the_exit_code_of_each_comes_back(scratch: Path) -> None:
    codes = (0, 1, 6, 137, 255)
    with ThreadPoolExecutor() as pool:
        scripts = [f"echo {code}; exit {code}" for code in codes]
        results = list(pool.map(lambda script: finished("sh", "-c", script), scripts))

    assert [result.returncode for result in results] == list(codes)
    assert [result.stdout for result in results] == [b"%d\n" % code for code in codes]
    assert [result.stderr for result in results] == [b""] * len(codes)
    assert nothing_is_left(scratch)


def test_the_kernel_finds_modules_by_itself() -> None:
    script = """
        ipvsadm -A -t 192.0.2.1:80 -s mh && ipvsadm -Sn &&
        ip link add given type dummy && ip link add watch type nlmon &&
        ip link show lo | grep -o ,UP,
    """

    result = finished("sh", "-c", script)

    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.split(b"\n")[:2] == [b"-A -t 192.0.2.1:80 -s mh", b",UP,"]


@pytest.fixture
def home_of_nobody() -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    # Not tmp_path: nobody may not enter that.
    with tempfile.TemporaryDirectory(prefix="lvsdr-nobody-", dir="/tmp") as folder:
        os.chown(folder, NOBODY, NOBODY)
        yield Path(folder)


@pytest.fixture
def for_everybody() -> Iterator[Path]:
    """A copy of the program that others may read, wherever the tests lie."""
    with tempfile.TemporaryDirectory(prefix="lvsdr-all-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        own = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "lvsdr", Path(folder, "lvsdr"), ignore=own)
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        yield Path(folder)


def test_an_ordinary_user_may_run_it(home_of_nobody: Path, for_everybody: Path) -> None:
    out = home_of_nobody / "out"
    become = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    clean = ("env", "-i", f"TMPDIR={home_of_nobody}", f"PYTHONPATH={for_everybody}")
    python = ("/usr/bin/python3", "-B")
    script = f"id -u; ip netns add a && ipvsadm -Sn; echo x >/etc/x; echo kept >{out}/file"

    result = finished(
        *("sh", "-c", script),
        options=("--out", str(out)),
        runner=(*become, *clean, *python),
        cwd=home_of_nobody,
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, b"0\n", b"")
    assert (out / "file").read_text() == "kept\n"
    assert (out / "file").stat().st_uid == NOBODY
    assert [path.name for path in home_of_nobody.iterdir()] == ["out"]


def test_no_command_is_bad_usage() -> None:
    result = finished()

    assert result.returncode == 2
    assert b"no command given" in result.stderr


def test_what_is_missing_is_named_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(uml_kernel, "PATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CannotRun) as caught:
        uml.run(["true"])

    assert caught.value.message == "cannot boot a throw-away kernel: linux.uml is not installed"
    assert caught.value.hints == ["apt-get install user-mode-linux kmod iproute2"]


def test_what_has_moved_to_another_package_is_named_with_that(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in util-linux 2.42: all is there but pivot_root."""
    for program in {uml_kernel.PROGRAM, *uml_kernel.OTHERS} - {"pivot_root"}:
        (tmp_path / program).symlink_to(str(uml_kernel.found(program)))
    monkeypatch.setattr(uml_kernel, "PATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CannotRun) as caught:
        uml.run(["true"])

    assert caught.value.message == "cannot boot a throw-away kernel: pivot_root is not installed"
    assert caught.value.hints == ["apt-get install util-linux-extra"]
