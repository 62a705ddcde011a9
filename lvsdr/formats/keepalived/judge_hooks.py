"""The hooks of keepalived.conf judged: whether keepalived runs them, as whom, and at its stop."""

from __future__ import annotations

import pwd
import shlex
from collections.abc import Iterator, Set
from pathlib import Path

from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.configuration import FIFO_READERS, HOOKS, VRRP_FIFOS, Configuration
from lvsdr.formats.keepalived.script_security import fault_as_written, script_fault
from lvsdr.formats.keepalived.versions import LOOKS_AT_WHAT_IS_WRITTEN, Version
from lvsdr.model.finding import ERROR, WARNING, Finding

# The user that keepalived takes where there is no script_user; root, where it does not exist.
USER = "keepalived_script"


def script_faults(
    conf: Configuration, version: Version | None, *, certain: bool
) -> Iterator[Finding]:
    """Yield the scripts of a file that keepalived will not run, or would run for anybody.

    An error where it is lvsdr, or each hook may lead to it, as is `certain`: keepalived goes on
    without any other, and another host may have what is not on this one. What versions differ in
    is told of `version`; nothing without one.
    """
    found = list(conf.scripts())
    secure = any(conf.global_defs("enable_script_security"))
    if found and not secure:
        yield Finding(
            "KEEPALIVED-SCRIPT-SECURITY",
            WARNING,
            conf.file,
            f"{conf.file}: enable_script_security is missing: keepalived runs hooks that others"
            " may write",
            look="add to global_defs: enable_script_security",
        )
    for script in found:
        ours = "lvsdr" in script.value or (certain and script.name in HOOKS)
        bad = ERROR if ours else WARNING
        yield from _script(conf.file, script, version, bad, secure=secure)


def hooks_not_run_by_root(conf: Configuration, *, certain: bool) -> Iterator[Finding]:
    """Yield the hooks that keepalived runs without the privileges that lvsdr needs.

    Where it is `certain` that lvsdr is called and no hook says so, each one may lead to it.
    """
    found = [*conf.hooks(), *conf.global_defs(*FIFO_READERS)]
    by_name = [hook for hook in found if "lvsdr" in hook.value]
    for hook in by_name or (found if certain else []):
        user = _user(hook, conf)
        if not _is_root(user):
            yield Finding(
                "KEEPALIVED-SCRIPT-USER",
                ERROR,
                conf.file,
                f"{hook.where}: keepalived runs {hook.name} as {user}, and lvsdr needs the"
                " privileges of root: it would change nothing",
                look="add to global_defs: script_user root; and name no user after the hook",
            )


def hooks_without_stop(conf: Configuration, *, ours: bool) -> Iterator[Finding]:
    """Yield the instances and groups whose hooks hear of all but the end of keepalived.

    Where they are `ours`: what keepalived has set up, it takes away itself.
    """
    if not ours or any(conf.global_defs(*VRRP_FIFOS)):
        return
    heard = _heard_elsewhere(conf)
    for talker in conf.talkers():
        speaks = {each.name for each in talker.all("notify_master", "notify_backup")}
        if speaks and not _hears_of_stop(talker) and (talker.name, talker.value) not in heard:
            yield Finding(
                "KEEPALIVED-NO-STOP",
                ERROR,
                conf.file,
                f"{talker.where}: {talker.value}: nobody is told when keepalived stops: VIP and"
                " table stay behind",
                look="add notify_stop, or put notify in place of the others",
            )


def _heard_elsewhere(conf: Configuration) -> Set[tuple[str, str]]:
    """Return the kind and name of what hears of the stop by its group, or by a member."""
    groups = [(each, _members(each)) for each in conf.root.all("vrrp_sync_group")]
    hearing = {each.value for each in conf.root.all("vrrp_instance") if _hears_of_stop(each)}
    members = {name for group, names in groups if _hears_of_stop(group) for name in names}
    return {
        *(("vrrp_instance", name) for name in members),
        *((group.name, group.value) for group, names in groups if names & hearing),
    }


def _hears_of_stop(talker: Block) -> bool:
    return any(talker.all("notify", "notify_stop"))


def _members(group: Block) -> set[str]:
    return {word for part in group.all("group") for each in part.inner for word in each.words}


def _script(
    file: str, script: Block, version: Version | None, bad: str, *, secure: bool
) -> Iterator[Finding]:
    words = _split(script.words[1] if len(script.words) > 1 else "")
    if words and "/" not in words[0] and bad != ERROR:
        # Found in keepalived's own path: killall, as a rule.
        return
    if not words or not words[0].startswith("/"):
        text = f"{script.where}: {script.name} names no absolute path"
        look = "write the whole path" + (": command -v lvsdr" if "lvsdr" in script.value else "")
        yield Finding("KEEPALIVED-SCRIPT-PATH", bad, file, text, look=look)
        return
    path = Path(words[0])
    fault, since = script_fault(path), ""
    severity = bad
    if fault is None and version is not None:
        fault, since = fault_as_written(path), " 2.3 and later"
        # It does, as long as it is not upgraded.
        severity = bad if version >= LOOKS_AT_WHAT_IS_WRITTEN else WARNING
    if fault is None:
        return
    if fault.runs and not secure:
        text = f"{script.where}: keepalived runs {path}, whoever wrote it: {fault.reason}"
        yield Finding("KEEPALIVED-SCRIPT-PATH", WARNING, file, text, fault.hint, look=fault.look)
        return
    text = f"{script.where}: keepalived{since} will not run {path}: {fault.reason}"
    yield Finding("KEEPALIVED-SCRIPT-PATH", severity, file, text, fault.hint, look=fault.look)


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _user(hook: Block, conf: Configuration) -> str:
    named = [each.value for each in conf.global_defs("script_user") if each.value]
    if len(hook.words) > 2:
        return hook.words[2]
    if named:
        return named[-1].split()[0]
    return USER if _number(USER) is not None else "root"


def _is_root(user: str) -> bool:
    return user == "root" or _number(user) == 0


def _number(user: str) -> int | None:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None
