"""What a systemd of the lab leaves out: units that others wait for, and that are no part of it."""

from pathlib import Path

# The last ones came with releases after the machine's own.
NAMES = (
    "local-fs.target swap.target network-online.target systemd-modules-load.service"
    " systemd-sysctl.service systemd-udevd.service systemd-udev-trigger.service"
    " systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket"
    " systemd-journald-audit.socket systemd-tmpfiles-setup.service systemd-random-seed.service"
    " systemd-tmpfiles-setup-dev.service systemd-remount-fs.service systemd-update-utmp.service"
    " systemd-userdbd.socket systemd-hostnamed.socket systemd-networkd.socket"
)
NOTHING = "[Unit]\nDescription=nothing\nDefaultDependencies=no\n"


def leave_out(units: Path) -> None:
    """Write into a folder of units what makes lab.target a whole boot."""
    for name in NAMES.split():
        (units / name).symlink_to("/dev/null")
    (units / "lab.target").write_text(NOTHING)
