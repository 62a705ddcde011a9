"""Whether the answer to a request is what a check wants, as far as it has come."""

from __future__ import annotations

import io
from http.client import HTTPException, HTTPResponse, IncompleteRead

from lvsdr.model.address import IPAddress
from lvsdr.model.health import HttpCheck
from lvsdr.wire.checks.answer_meaning import SERVES, Meaning

# So much of a body is looked at, and so much of what comes before it.
MOST = 65536
_HEADER_END = b"\r\n\r\n"
_NO_HTTP = Meaning("answers with something that is not HTTP", told=True)
_HTTP_PORT = 80
# RFC 9110, 15.2: any number of interim responses may come before the final one.
_INTERIM, _SWITCHING = 100, 101


class _Came(io.BytesIO):
    """What has come so far, as HTTPResponse reads from a socket."""

    def makefile(self, *_: object, **__: object) -> _Came:
        return self


def request(check: HttpCheck, vip: IPAddress, port: int) -> bytes:
    """Return the whole request of a check."""
    address = f"[{vip}]" if vip.version == 6 else str(vip)
    host = check.host or (address if port == _HTTP_PORT else f"{address}:{port}")
    lines = (
        f"GET {check.path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: lvsdr",
        "Accept: */*",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode()


def judged(check: HttpCheck, data: bytes, *, ended: bool) -> Meaning | None:
    """Return what an answer says, of which `data` has come; None while more is needed.

    `ended` says that nothing more comes.
    """
    if _HEADER_END not in data:
        return _NO_HTTP if ended or len(data) > MOST or not _begins(data) else None
    response = HTTPResponse(_Came(data))  # type: ignore[arg-type]
    try:
        response.begin()
    except (HTTPException, ValueError):
        return _NO_HTTP
    if _INTERIM <= response.status < _INTERIM + 100 and response.status != _SWITCHING:
        # Such as early hints: the answer itself is still to come.
        return judged(check, data.partition(_HEADER_END)[2], ended=ended)
    if not any(low <= response.status <= high for low, high in check.statuses):
        return Meaning(f"answers with status {response.status}", told=True)
    return SERVES if check.contains is None else _contained(check.contains, response, data, ended)


def _contained(text: str, response: HTTPResponse, data: bytes, ended: bool) -> Meaning | None:
    body, whole = _body(response)
    if text.encode() in body:
        return SERVES
    if ended or whole or len(body) >= MOST or len(data) >= 2 * MOST:
        return Meaning("answers without the text that it is to contain", told=True)
    return None


def _begins(data: bytes) -> bool:
    """Return whether this may be the beginning of an answer."""
    start = b"HTTP/"
    return data[: len(start)] == start[: len(data)]


def _body(response: HTTPResponse) -> tuple[bytes, bool]:
    """Return what has come of a body, up to the most, and whether that is all of it."""
    try:
        body = response.read(MOST)
    except IncompleteRead as error:
        return error.partial, False
    except (HTTPException, ValueError):
        return b"", True
    # Without a length it ends with the connection.
    known = bool(response.chunked or response.getheader("Content-Length"))
    return body, known and (response.length in (0, None) if not response.chunked else True)
