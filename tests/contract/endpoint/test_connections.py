"""What the server does with connections: too many, silent ones, and requests of every form, sent byte by byte."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from embedded_aws.endpoint import Endpoint
from embedded_aws.endpoint.connections import HEADER_BYTES, Limits
from embedded_aws.wire import HttpRequest, HttpResponse
from tests.fakes.waiting import until

MOST = 8
SIGNED = (
    b"Authorization: AWS4-HMAC-SHA256 Credential=A/20261122/us-east-1/states/aws4_request, "
    b"SignedHeaders=host, Signature=0\r\n"
)
HEAD = b"Host: localhost\r\n" + SIGNED


class Mirror:
    """A service that says what it got, or sends a stream."""

    def owns(self, request: HttpRequest) -> bool:
        return True

    def handle(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/stream":
            return HttpResponse(200, {"Content-Type": "text/plain"}, b"", pieces=iter([b"one", b"two"]))
        if request.path == "/broken":
            return HttpResponse(200, {"Content-Type": "text/plain"}, b"", pieces=_broken())
        if request.path == "/endless":
            return HttpResponse(200, {"Content-Type": "text/plain"}, b"", pieces=(bytes(2**20) for _ in range(1000)))
        if request.path == "/split":
            return HttpResponse(200, {"X-A": "1\r\nX-B: 2"}, b"")
        names = ",".join(sorted(name for name in request.headers if name.startswith("x-")))
        said = f"{request.method} {request.path} {request.query} {names} ".encode()
        return HttpResponse(200, {"Content-Type": "text/plain"}, said + request.body)


def _broken() -> Iterator[bytes]:
    yield b"one"
    raise KeyError("two")


@pytest.fixture(name="endpoint", scope="module")
def _endpoint() -> Iterator[Endpoint]:
    limits = Limits(connections=MOST, idle=60.0, header=1.0, body=0.5, unread=0.5)
    endpoint = Endpoint({"states": [Mirror()]}, port=0, threads=2, limits=limits)
    endpoint.start()
    yield endpoint
    endpoint.stop()


def _connect(endpoint: Endpoint) -> socket.socket:
    return socket.create_connection(("127.0.0.1", endpoint.port), timeout=10)


def _ask(endpoint: Endpoint, *parts: bytes) -> bytes:
    """Everything that the server sends until it closes the connection."""
    with closing(_connect(endpoint)) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        try:
            while data := connection.recv(65536):
                received += data
        except ConnectionResetError:
            pass
        return received


def _last(request: bytes) -> bytes:
    """A request after which the server closes the connection."""
    return request + b" HTTP/1.1\r\nConnection: close\r\n" + HEAD


def test_silent_connections_never_keep_others_out(endpoint: Endpoint) -> None:
    """Far more silent connections than there may be, some with half a header: a new one is answered at once."""
    with ExitStack() as opened:
        for number in range(5 * MOST):
            silent = opened.enter_context(closing(_connect(endpoint)))
            if number % 2:
                silent.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        started = time.monotonic()
        assert b" 200 OK\r\n" in _ask(endpoint, _last(b"GET /a") + b"\r\n")
        assert time.monotonic() - started < 5


def test_a_connection_with_a_request_under_way_is_kept(endpoint: Endpoint) -> None:
    """Only silent connections make room; one whose body is still arriving is not silent."""
    with closing(_connect(endpoint)) as busy, ExitStack() as opened:
        busy.sendall(_last(b"POST /a") + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert busy.recv(65536).startswith(b"HTTP/1.1 100 ")  # the header has been read
        busy.sendall(b"a")
        for _ in range(2 * MOST):
            opened.enter_context(closing(_connect(endpoint)))
        busy.sendall(b"b")
        assert busy.recv(65536).endswith(b"POST /a   ab")


def test_half_a_header_and_half_a_body_end_in_408(endpoint: Endpoint) -> None:
    """A client that stops sending gets an answer, and its connection is closed."""
    assert _ask(endpoint, b"GET / HTTP/1.1\r\nHost: loc").startswith(b"HTTP/1.1 408 ")
    assert _ask(endpoint, b"POST /a HTTP/1.1\r\n" + HEAD + b"Content-Length: 9\r\n\r\nhalf").startswith(
        b"HTTP/1.1 408 "
    )


def test_headers_have_a_limit_also_in_later_requests(endpoint: Endpoint) -> None:
    """431, whether the large header is the first or the second of a connection."""
    large = b"GET /a HTTP/1.1\r\n" + HEAD + b"X-Large: "
    rest = b"x" * (HEADER_BYTES * 8)
    assert _ask(endpoint, large, rest).startswith(b"HTTP/1.1 431 ")
    with closing(_connect(endpoint)) as connection:
        connection.sendall(b"GET /a HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(large)
        try:
            connection.sendall(rest)
            assert connection.recv(65536).startswith(b"HTTP/1.1 431 ")
        except (ConnectionResetError, BrokenPipeError):  # the answer was lost with the unread rest
            pass


def test_silence_between_two_requests_has_an_end() -> None:
    """A connection that is kept open is closed by the server."""
    endpoint = Endpoint({"states": [Mirror()]}, port=0, threads=2, limits=Limits(idle=0.1))
    endpoint.start()
    try:
        with closing(_connect(endpoint)) as connection:
            connection.sendall(b"GET /a HTTP/1.1\r\n" + HEAD + b"\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            assert connection.recv(1) == b""
    finally:
        endpoint.stop()


@pytest.mark.parametrize(
    ("target", "arrives"),
    [
        (b"/a%2Fb//c?x=1&y=%20", b"GET /a%2Fb//c x=1&y=%20 "),
        (b"//a", b"GET //a  "),
        (b"http://localhost/a?b", b"GET /a b "),
        (b"http://localhost", b"GET /  "),
    ],
)
def test_targets_arrive_unchanged(endpoint: Endpoint, target: bytes, arrives: bytes) -> None:
    """Percent-encoding, double slashes and the form for proxies."""
    assert arrives in _ask(endpoint, _last(b"GET " + target) + b"\r\n")


@pytest.mark.parametrize(
    "request_",
    [
        _last(b"GET /\xc3\xa9") + b"\r\n",
        _last(b"POST /a") + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        _last(b"POST /a") + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"GET /a HTTP/1.1\r\nHost: localhost\r\nX-A: 1\x00\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_request_is_a_400(endpoint: Endpoint, request_: bytes) -> None:
    """Bytes that two readers could understand differently, and other protocols."""
    assert _ask(endpoint, request_).startswith(b"HTTP/1.1 400 ")


def test_a_header_with_an_underscore_is_dropped(endpoint: Endpoint) -> None:
    """It would pass for the one with a hyphen."""
    assert b"GET /a  x-b " in _ask(endpoint, _last(b"GET /a") + b"X_A: 1\r\nX-B: 2\r\n\r\n")


def test_an_upgrade_that_is_not_offered_is_answered_as_usual(endpoint: Endpoint) -> None:
    """Java's client asks for HTTP/2 with each first request."""
    upgrade = b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
    with closing(_connect(endpoint)) as connection:
        for body in (b"a", b"b"):
            connection.sendall(b"POST /a HTTP/1.1\r\n" + HEAD + upgrade + b"Content-Length: 1\r\n\r\n" + body)
            assert connection.recv(65536).endswith(b"POST /a   " + body)


def test_requests_that_are_sent_together_are_answered_in_order(endpoint: Endpoint) -> None:
    """Three in one packet."""
    one, two = (b"GET /" + name + b" HTTP/1.1\r\n" + HEAD + b"\r\n" for name in (b"a", b"b"))
    answers = _ask(endpoint, one + two + _last(b"GET /c") + b"\r\n")
    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert answers.index(b"GET /a") < answers.index(b"GET /b") < answers.index(b"GET /c")


def test_a_client_that_waits_for_100_continue_is_served(endpoint: Endpoint) -> None:
    """S3 clients ask so, for empty objects as well."""
    for body in (b"abc", b""):
        with closing(_connect(endpoint)) as connection:
            length = b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body)
            connection.sendall(_last(b"PUT /a") + length)
            if body:
                assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
                connection.sendall(body)
            received = b""
            while data := connection.recv(65536):
                received += data
            assert received.endswith(b"PUT /a   " + body)


def test_a_stream_is_sent_piece_by_piece(endpoint: Endpoint) -> None:
    """In chunks with an end; a stream that fails has none, so no client takes it for whole."""
    assert _ask(endpoint, _last(b"GET /stream") + b"\r\n").endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    broken = _ask(endpoint, _last(b"GET /broken") + b"\r\n")
    assert b"one" in broken
    assert not broken.endswith(b"0\r\n\r\n")


def test_a_client_that_does_not_read_holds_no_thread(endpoint: Endpoint) -> None:
    """Its connection is closed, and the two threads serve others."""
    with closing(_connect(endpoint)) as first, closing(_connect(endpoint)) as second:
        for connection in (first, second):
            connection.sendall(_last(b"GET /endless") + b"\r\n")
        assert until(lambda: b" 200 OK\r\n" in _ask(endpoint, _last(b"GET /a") + b"\r\n"))


def test_a_header_of_a_response_cannot_add_another(endpoint: Endpoint) -> None:
    """A line break in a value is an error of the service."""
    answer = _ask(endpoint, _last(b"GET /split") + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"X-B" not in answer


def test_an_address_in_use_is_a_clear_error_and_free_after_stop() -> None:
    """The error names host and port; after stop the port can be taken again."""
    first = Endpoint({}, port=0, threads=2)
    url = first.start()
    second = Endpoint({}, port=first.port, threads=2)
    with pytest.raises(OSError, match=f"Cannot listen on 127.0.0.1 port {first.port}"):
        second.start()
    first.stop()
    first.stop()
    assert second.start() == url
    second.stop()
