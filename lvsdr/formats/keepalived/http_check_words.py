"""HTTP_GET in the words of a profile."""

from __future__ import annotations

import re

from lvsdr.formats.keepalived.conf_losses import OWN, Losses, shown
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.server_words import last
from lvsdr.model.imported import Document

PATH = re.compile(r"/[!\"$-~]{0,2047}")
HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
PLAIN = re.compile(r"[A-Za-z0-9 _-]{1,1024}")
STATUS = re.compile(r"[1-5][0-9]{2}(-[1-5][0-9]{2})?")
USUAL_STATUS, LVSDRS_STATUS = "200-299", "200-399"


def http_check(block: Block, virtualhost: str, losses: Losses) -> Document | None:
    """Return what an HTTP_GET asks; None where keepalived leaves it out."""
    urls = [each for each in block.all("url") if any(last(each, "path"))]
    if not urls:
        losses.warning(
            block,
            "HTTP_GET has no url with a path: keepalived leaves this checker out",
            "write one, or remove the checker",
        )
        return None
    for other in urls[1:]:
        losses.error(other, "a second url: one is asked for", OWN)
    return {"http": _url(block, urls[0], virtualhost, losses)}


def _url(block: Block, url: Block, virtualhost: str, losses: Losses) -> dict[str, str]:
    host = last(url, "virtualhost") or last(block, "virtualhost") or virtualhost
    if host and not HOST.fullmatch(host):
        losses.error(url, f"virtualhost {shown(host)} cannot be written", OWN)
        host = ""
    if not host or last(block, "http_protocol") != "1.1":
        losses.warning(
            url,
            "HTTP_GET asks with the RIP as the Host, in HTTP/1.0, unless it is told otherwise; here"
            " it is HTTP/1.1, and the VIP where the profile names no host",
            'see that this is answered alike, or write "host" in the profile',
        )
    for name in ("digest", "regex_no_match", "regex_options", "regex_min_offset"):
        for line in url.all(name):
            losses.error(line, f"{name}: the answer is not compared with that", OWN)
    found = {"path": _path(url, losses)} if _path(url, losses) != "/" else {}
    found |= {"host": host} if host else {}
    status = _status(url, losses)
    found |= {"status": status} if status != LVSDRS_STATUS else {}
    regex = last(url, "regex")
    if regex and PLAIN.fullmatch(regex):
        found["contains"] = regex
    elif regex:
        losses.error(url, f"regex {shown(regex)}: only plain text is looked for", OWN)
    return found


def _path(url: Block, losses: Losses) -> str:
    path = url_path(last(url, "path"))
    if PATH.fullmatch(path):
        return path
    losses.error(url, f"path {shown(path)} cannot be asked for: / is", OWN)
    return "/"


def url_path(path: str) -> str:
    """Return a path as it can be asked for: what it may not hold, by its code."""
    return re.sub(r"[^!\"$-~]", lambda found: _codes(found[0]), path)


def _codes(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "replace"))


def _status(url: Block, losses: Losses) -> str:
    found = [each for line in url.all("status_code") for each in line.words[1:]]
    right = [each for each in found if STATUS.fullmatch(each)]
    if len(right) < len(found):
        losses.error(url, "a status_code beyond 100 to 599 is left out", OWN)
    return ",".join(right[:64]) or USUAL_STATUS
