"""The options of ldirectord.cf, and how the value of each has to be."""

from __future__ import annotations

import re

SERVICES = frozenset(
    {"dns", "ftp", "http", "https", "http_proxy", "imap", "imaps", "ldap", "ldaps", "nntp"}
    | {"mysql", "none", "oracle", "pop", "pops", "radius", "pgsql", "sip", "smtp", "submission"}
    | {"simpletcp"}
)
CHECKTYPES = frozenset({"connect", "negotiate", "ping", "off", "on", "external", "external-perl"})
# How the value of an option has to be; what a pattern has as its group is taken.
DIGITS = re.compile(r"([0-9]+)")
POSITIVE = re.compile(r"0*([1-9][0-9]*)")
STRICT = re.compile(r"(yes|no)\Z")
QUOTED = re.compile(r"\"(.+)\"")
MAYBE_QUOTED = re.compile(r"\"(.+)\"|(.+)")
ANYTHING = re.compile(r"(.*)")
SOMETHING = re.compile(r"(.+)")
LETTERS = re.compile(r"[^a-z]*([a-z]+)")
NO_BLANK = re.compile(r"\s*(\S+)")
GLOBAL = {
    "checktimeout": POSITIVE,
    "negotiatetimeout": POSITIVE,
    "checkinterval": POSITIVE,
    "checkcount": POSITIVE,
    "failurecount": POSITIVE,
    "fallback": ANYTHING,
    "fallback6": ANYTHING,
    "fallbackcommand": SOMETHING,
    "autoreload": STRICT,
    "callback": re.compile(r"\"(.*)\""),
    "logfile": re.compile(r"\"(.*)\""),
    "execute": ANYTHING,
    "fork": STRICT,
    "supervised": STRICT,
    "quiescent": STRICT,
    "readdquiescent": STRICT,
    "emailalert": SOMETHING,
    "emailalertfreq": DIGITS,
    "emailalertstatus": ANYTHING,
    "emailalertfrom": SOMETHING,
    "cleanstop": STRICT,
    "smtp": re.compile(r"([0-9A-Za-z._+-]+)"),
    "maintenancedir": SOMETHING,
}
OWN = {
    "real": ANYTHING,
    "real6": ANYTHING,
    "fallback": ANYTHING,
    "fallback6": ANYTHING,
    "request": QUOTED,
    "receive": QUOTED,
    "checktype": ANYTHING,
    "checkcommand": MAYBE_QUOTED,
    "checktimeout": POSITIVE,
    "negotiatetimeout": POSITIVE,
    "checkcount": POSITIVE,
    "failurecount": POSITIVE,
    "checkinterval": POSITIVE,
    "checkport": DIGITS,
    "login": QUOTED,
    "passwd": QUOTED,
    "database": QUOTED,
    "secret": QUOTED,
    "load": QUOTED,
    "scheduler": LETTERS,
    "persistent": DIGITS,
    "schedflags": NO_BLANK,
    "netmask": ANYTHING,
    "protocol": re.compile(r"\W*(\w+)"),
    "ops": STRICT,
    "service": re.compile(r"\W*(\w+)"),
    "httpmethod": re.compile(r"\W*(\w+)"),
    "virtualhost": re.compile(r"\"?([^\"]*)\"?"),
    "fallbackcommand": MAYBE_QUOTED,
    "quiescent": STRICT,
    "emailalert": SOMETHING,
    "emailalertfreq": DIGITS,
    "emailalertstatus": ANYTHING,
    "monitorfile": MAYBE_QUOTED,
    "cleanstop": STRICT,
    "smtp": re.compile(r"([0-9A-Za-z._+-]+)"),
    "servicename": ANYTHING,
    "comment": ANYTHING,
}
# Digits may stand anywhere in a value.
ANYWHERE = frozenset({DIGITS, POSITIVE})
