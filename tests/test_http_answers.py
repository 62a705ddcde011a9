"""What a check by HTTP says of each answer, whole and piece by piece."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from lvsdr.model.health import HttpCheck
from lvsdr.wire.checks.answer_meaning import SERVES
from lvsdr.wire.checks.http_answer import MOST, judged, request

OK = b"HTTP/1.1 200 OK\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CLOSED = OK + b"Connection: close\r\n\r\n"
LENGTH = OK + b"Content-Length: 10\r\n\r\n"
ALIVE = HttpCheck(contains="alive")
NO_HTTP = "answers with something that is not HTTP"
WITHOUT = "answers without the text that it is to contain"


@pytest.mark.parametrize(
    ("check", "data", "ended", "why"),
    [
        pytest.param(HttpCheck(), OK + b"\r\n", False, "", id="a header is enough"),
        pytest.param(HttpCheck(), OK, False, None, id="half a header is not"),
        pytest.param(HttpCheck(), OK, True, NO_HTTP, id="a header cut off"),
        pytest.param(HttpCheck(), EARLY + OK + b"\r\n", False, "", id="after early hints"),
        pytest.param(HttpCheck(), EARLY, False, None, id="early hints alone"),
        pytest.param(HttpCheck(), b"SSH-2.0-x\r\n", False, NO_HTTP, id="another protocol"),
        pytest.param(HttpCheck(), b"", True, NO_HTTP, id="closed at once"),
        pytest.param(HttpCheck(), b"HT", False, None, id="the first bytes"),
        pytest.param(HttpCheck(), b"HTTP/1.1 abc x\r\n\r\n", False, NO_HTTP, id="no status"),
        pytest.param(
            HttpCheck(),
            b"HTTP/1.0 503 Busy\r\n\r\n",
            False,
            "answers with status 503",
            id="not in the range",
        ),
        pytest.param(
            HttpCheck(statuses=((200, 200), (503, 503))),
            b"HTTP/1.0 503 Busy\r\n\r\n",
            False,
            "",
            id="in one of the ranges",
        ),
        pytest.param(ALIVE, CLOSED + b"I am ali", False, None, id="not yet"),
        pytest.param(ALIVE, CLOSED + b"I am alive", False, "", id="found before the end"),
        pytest.param(ALIVE, CLOSED + b"I am dead", True, WITHOUT, id="not up to the end"),
        pytest.param(ALIVE, LENGTH + b"0123456789", False, WITHOUT, id="not in all there is"),
        pytest.param(ALIVE, LENGTH + b"01234", False, None, id="not in the first half"),
        pytest.param(ALIVE, CHUNKED + b"3\r\nali\r\n2\r\nve\r\n", False, "", id="across chunks"),
        pytest.param(ALIVE, CHUNKED + b"3\r\nali\r\n", False, None, id="some chunks"),
        pytest.param(ALIVE, CHUNKED + b"1", False, None, id="half the size of a chunk"),
        pytest.param(
            ALIVE, CHUNKED + b"3\r\nali\r\n0\r\n\r\n", False, WITHOUT, id="not in all chunks"
        ),
        pytest.param(
            ALIVE, CLOSED + b"x" * MOST + b"alive", False, WITHOUT, id="after the first 64 KiB"
        ),
        pytest.param(
            ALIVE, CLOSED + b"x" * (MOST - 5) + b"alive", False, "", id="at their very end"
        ),
        pytest.param(HttpCheck(), b"HTTP/1.1 " + b"x" * MOST, False, NO_HTTP, id="without end"),
    ],
)
def test_an_answer_is_judged(check: HttpCheck, data: bytes, ended: bool, why: str | None) -> None:
    found = judged(check, data, ended=ended)

    assert (None if found is None else found.why) == why


@pytest.mark.parametrize("answer", [CHUNKED + b"5\r\nalive\r\n0\r\n\r\n", LENGTH + b"xxxxxalive"])
def test_an_answer_that_comes_byte_by_byte_is_never_judged_too_early(answer: bytes) -> None:
    found = [judged(ALIVE, answer[:length], ended=False) for length in range(len(answer))]

    assert set(found) <= {None, SERVES}
    assert judged(ALIVE, answer, ended=True) == SERVES


@pytest.mark.parametrize(
    ("vip", "port", "host", "expected"),
    [
        ("192.0.2.10", 80, None, b"192.0.2.10"),
        ("2001:db8::10", 8080, None, b"[2001:db8::10]:8080"),
        ("192.0.2.10", 8080, "www.example.org", b"www.example.org"),
    ],
)
def test_the_request_is_an_ordinary_one(
    vip: str, port: int, host: str | None, expected: bytes
) -> None:
    words = request(HttpCheck("/health", host), ip_address(vip), port)

    assert words.startswith(b"GET /health HTTP/1.1\r\nHost: " + expected + b"\r\n")
    assert b"\r\nConnection: close\r\n" in words
    assert words.endswith(b"\r\n\r\n")
