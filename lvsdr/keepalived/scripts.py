"""The hooks in keepalived.conf: whether keepalived will run them, judged as it does itself."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from lvsdr.keepalived.syntax import Block
from lvsdr.model.finding import ERROR, WARNING, Finding

HOOKS = tuple("notify" + each for each in ("", "_master", "_backup", "_fault", "_stop", "_deleted"))


def security(name: str, root: Block) -> Iterator[Finding]:
    """Yield the hooks of a file that keepalived will not run, or would run for anybody."""
    hooks = [(block, hook) for block in talkers(root) for hook in block.all(*HOOKS)]
    defs = root.first("global_defs")
    if hooks and (defs is None or defs.first("enable_script_security") is None):
        yield Finding(
            "KEEPALIVED-SCRIPT-SECURITY",
            WARNING,
            name,
            f"{name}: enable_script_security is missing: keepalived runs hooks that others"
            " may write",
            "add to global_defs: enable_script_security",
        )
    for _, hook in hooks:
        yield from _script(name, hook)


def _script(name: str, hook: Block) -> Iterator[Finding]:
    words = _split(hook.words[1] if len(hook.words) > 1 else "")
    if not words or not words[0].startswith("/"):
        yield Finding(
            "KEEPALIVED-SCRIPT-PATH",
            ERROR,
            name,
            f"{hook.where}: {hook.name} names no absolute path",
            "write the whole path: command -v lvsdr",
        )
        return
    fault = script_fault(Path(words[0]))
    if fault:
        text = f"{hook.where}: keepalived will not run {words[0]}: {fault[0]}"
        yield Finding("KEEPALIVED-SCRIPT-PATH", ERROR, name, text, fault[1])


def script_fault(path: Path) -> tuple[str, str] | None:
    """Return why script security disables the script at `path`, and how to mend it.

    As keepalived does (lib/notify.c, check_security): every part of the path has to be root's, and
    none may others write; a folder may where it is sticky.
    """
    try:
        whole = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return "no such file", f"ls -l {shlex.quote(str(path))}"
    for part in (*reversed(whole.parents), whole):
        seen = part.stat()
        quoted = shlex.quote(str(part))
        if seen.st_uid != 0:
            return f"{part} is not root's", f"chown root {quoted}"
        open_to_all = seen.st_mode & stat.S_IWOTH or (seen.st_gid and seen.st_mode & stat.S_IWGRP)
        sticky = stat.S_ISDIR(seen.st_mode) and seen.st_mode & stat.S_ISVTX
        if open_to_all and not sticky:
            return f"others may write {part}", f"chmod go-w {quoted}"
    if not whole.is_file() or not whole.stat().st_mode & 0o111:
        return "it cannot be executed", f"chmod +x {shlex.quote(str(whole))}"
    return None


def talkers(root: Block) -> Iterator[Block]:
    """Yield the blocks that may have hooks."""
    yield from root.all("vrrp_instance", "vrrp_sync_group")


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()
