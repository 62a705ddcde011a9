"""Small files of ldirectord, each with one peculiarity."""

from __future__ import annotations

from restored_files import LOST, REFUSED, File

# Of a port that it does not know ldirectord asks nothing: its real servers are alive.
V = "virtual=192.0.2.10:8080\n"
R = "\treal=192.0.2.11:8080 gate\n"
FILES = (
    File("defaults: wrr and weight 1", V + R),
    File("an address without a port is a mark", "virtual=192.0.2.10\n\treal=192.0.2.11 gate 2\n"),
    File("comments do not end a section", f"{V}# more\n{R}    scheduler = wlc # as usual\n"),
    File("a range", f"{V}\treal=192.0.2.11->192.0.2.13:8080 gate 3\n"),
    File("persistence and its mask", f"{V}{R}\tpersistent=600\n\tnetmask=255.255.255.0\n"),
    File("another port with gate", f"{V}\treal=192.0.2.11:81 gate 4\n"),
    File("another port with masq, thresholds", f"{V}\treal=192.0.2.11:81 masq 4 l:3 u:7\n"),
    File("the same server twice", f"{V}{R}\treal=192.0.2.11:8080 gate 9\n"),
    File("IPv6", "virtual6=[2001:db8::10]:8080\n\treal6=[2001:db8::11]:8080 gate 2\n"
         "virtual6=5\n\treal6=[2001:db8::11] gate\n"),
    File("port 53 is UDP", "virtual=192.0.2.10:53\n\treal=192.0.2.11:53 gate\n\tchecktype=on\n"
         "\tops=yes\n"),
    File("names of services", "virtual=192.0.2.10:http\n\treal=192.0.2.11:http gate\n"
         "\tchecktype=on\n"),
    File("persistent=0 makes no service", f"{V}{R}\tpersistent=0\n\nvirtual=192.0.2.12:8080\n{R}",
         REFUSED),
    File("checktype off enters nobody", f"{V}{R}\tchecktype=off\n", LOST),
    File("flags of a scheduler", f"{V}{R}\tscheduler=sh\n\tschedflags=sh-port\n"),
    File("a tunnel, and weight 0", f"{V}\treal=192.0.2.11 ipip\n\treal=192.0.2.12 gate 0\n"),
    File("every port", "virtual=192.0.2.10:0\n\treal=192.0.2.11 gate\n\tpersistent=60\n"
         "\tchecktype=on\n"),
)  # fmt: skip
NOT_STARTED = (
    File("an empty line ends a section", f"{V}\n{R}"),
    File("a blank behind yes or no", f"quiescent=no \n{V}{R}"),
    File("a comment behind yes or no", f"{V}{R}\tquiescent=no # as usual\n"),
    File("two blanks", f"{V}  real=192.0.2.11:8080 gate\n"),
    File("an unknown option", f"{V}{R}\tsheduler=rr\n"),
    File("capital letters", f"Quiescent=no\n{V}{R}"),
    File("a real server without a method", f"{V}\treal=192.0.2.11:8080\n"),
    File("the same virtual server twice", f"{V}{R}{V}{R}"),
    File("IPv6 without its 6", "virtual=[2001:db8::10]:8080\n"),
    File("a mask by its length", f"{V}{R}\tnetmask=24\n"),
    File("a comment cuts what is quoted", f'{V}{R}\trequest="a#b"\n'),
)
