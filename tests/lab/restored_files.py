"""Small files for ipvsadm -R, each with one peculiarity, and what the import says of it."""

from __future__ import annotations

from typing import NamedTuple

A = "-A -t 192.0.2.10:80 -s rr\n"
R = "-a -t 192.0.2.10:80 -r 192.0.2.11"


class File(NamedTuple):
    """A file; `rules` are those of its findings that matter, `same` whether the tables are."""

    name: str
    text: str
    rules: tuple[str, ...] = ()
    same: bool = True


LOST, REFUSED = ("IMPORT-LOST",), ("IMPORT-REFUSED",)
FILES = (
    File("a comment ends the reading", A + "# more\n-A -f 5 -s rr\n", REFUSED),
    File("a comment behind a command ends it", A + "-A -f 5 # five\n-A -f 6\n", REFUSED),
    File("blanks, empty lines, CR and the name of the program", f"\r\n \t ipvsadm {A}\n\n-A\t-f 5"),
    File("quotes are part of a word", A + "-A -f 5 -s 'rr'\n-A -f 6 -s rr\n", REFUSED),
    File("an unknown option skips its line", A + "-A -f 5 -q\n-A -f 6 -s rr\n", REFUSED),
    File("an unknown word ends the reading", A + "add -f 5\n-A -f 6\n", REFUSED),
    File("a bad value ends the reading", A + R + " -w -1\n-A -f 6\n", REFUSED),
    File("a scheduler that no Linux has", f"-A -t 192.0.2.10:80 -s robin\n{R}\n{A}", REFUSED),
    File(
        "duplicates keep the first", A + A.replace("rr", "wrr") + R + "\n" + R + " -w 5\n", REFUSED
    ),
    File("-E without options makes it wlc", A.replace("rr", "rr -p 100") + "-E -t 192.0.2.10:80\n"),
    File("-e without options is weight 1", f"{A}{R} -w 7 -x 5 -y 3\n{R.replace('-a', '-e')} -m\n"),
    File("-d and -D", f"{A}{R}\n{R.replace('-a', '-d')}\n-A -f 5\n-D -f 5\n"),
    File("-C within a file", "-A -t 192.0.2.99:80\n-C\n" + A),
    File("thresholds", f"{A}{R} -x 5 -y 3\n"),
    File("a lower threshold above the upper one", f"{A}{R} -y 3\n", REFUSED),
    File("a mask", A.replace("rr", "rr -p -M 255.255.255.0")),
    File("-M 24 is 0.0.0.24", A.replace("rr", "rr -p 60 -M 24"), LOST, same=False),
    File("a mask without -p", A.replace("rr", "rr -M 255.255.0.0")),
    File("a mask in hexadecimal", A.replace("rr", "rr -p -M 0xffffff00")),
    File("a prefix of IPv6", "-A -t [2001:db8::10]:80 -p 60 -M 64 -s rr\n"),
    File(
        "options of popt",
        "-At192.0.2.10:80 -s=rr -p5\n--add-server --tcp-service=192.0.2.10:80"
        " --real-server 192.0.2.11 -iw3\n",
    ),
    File("ports by name", "-A -t 192.0.2.10:http -s rr\n-A -u 192.0.2.10:domain -s rr\n"),
    File("another port with -g", f"{A}{R}:8080 -g\n"),
    File("another port with -m", f"{A}{R}:8080 -m\n"),
    File("a real server before its service", f"{A}-a -r 192.0.2.11 -t 192.0.2.10:80\n"),
    File("an address of three parts", "-A -t 192.0.522:80 -s rr\n"),
    File(
        "an IPv6 address without brackets takes its port along",
        "-A -t [2001:db8::10]:80 -s rr\n-a -t [2001:db8::10]:80 -r 2001:db8::14:80\n",
    ),
    File("every port", "-A -t 192.0.2.10:0 -p 360 -s rr\n-a -t 192.0.2.10:0 -r 192.0.2.11\n"),
    File("every port needs -p", A + "-A -t 192.0.2.12 -s rr\n-A -f 5\n", REFUSED),
    File(
        "one mark of two families",
        "-A -f 5 -s rr\n-a -f 5 -r 192.0.2.11\n-A -f 5 -6 -s rr\n-a -f 5 -6 -r 2001:db8::11\n",
        LOST,
    ),
    File("a port of a mark's real server", "-A -f 5 -s rr\n-a -f 5 -r 192.0.2.11:81 -m\n"),
    File("a mark above 2^31", "-A -f 4294967295 -s rr\n"),
    File("a mark as -S writes it", A + "-A -f -1 -s rr\n", REFUSED),
    File(
        "tunnels",
        f"{A}{R} -i --tun-type gue --tun-port 6080 --tun-csum\n"
        f"{R[:-1]}2 -i --tun-type gre\n{R[:-1]}3 -i\n",
    ),
    File("a tunnel to another family", f"{A}{R[:-10]}2001:db8::11 -i\n", LOST),
    File("flags of schedulers", "-A -t 192.0.2.10:80 -s mh -b mh-port,mh-fallback\n"),
    File(
        "SIP, sctp, one packet",
        "-A -u 192.0.2.10:5060 -p 60 --pe sip -s rr\n"
        "-A --sctp-service 192.0.2.10:9 -s rr\n-A -u 192.0.2.10:53 -o -s rr\n",
    ),
    File("timeouts", A + "--set 800 0 200\n"),
    File("a sync daemon", A + "--start-daemon master --mcast-interface eth0 --syncid 7\n"),
)
