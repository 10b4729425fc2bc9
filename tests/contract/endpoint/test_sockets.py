"""WebSockets and their management, with an unmodified client (websockets) and AWS's own for @connections."""

from __future__ import annotations

import json
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from embedded_aws.apigateway.websocket_api import FRAME_BYTES, MESSAGE_BYTES, WebSocketApi
from embedded_aws.endpoint import Endpoint
from embedded_aws.endpoint.connections import Limits
from embedded_aws.lambda_.config import InvokeResult
from tests.fakes.waiting import until

API = WebSocketApi("sockets", ("$connect", "$disconnect", "$default", "chat"))


def answered(payload: bytes) -> InvokeResult:
    return InvokeResult(200, payload, None, "id")


class Function:
    """The Lambda: keeps its events, and does what a test says for a message."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.status = 200
        self.then: Callable[[dict[str, Any]], object] = lambda event: None

    def invoke(self, name_or_arn: str, payload: bytes, timeout: float | None = None) -> InvokeResult:
        event = json.loads(payload)
        self.events.append(event)
        if event["requestContext"]["eventType"] == "MESSAGE":
            self.then(event)
            return answered(b'{"statusCode": 200, "body": "nobody gets this"}')
        return answered(json.dumps({"statusCode": self.status}).encode())

    def routes(self, name_or_arn: str, timeout: float) -> list[tuple[str, str]]:
        return []

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["requestContext"]["eventType"] == kind]


@pytest.fixture(name="function")
def _function() -> Function:
    return Function()


IDLE = 4.0
"""Seconds that an HTTP connection may be silent here; a busy machine needs some for a handshake."""


@pytest.fixture(name="endpoint")
def _endpoint(function: Function) -> Iterator[Endpoint]:
    endpoint = Endpoint({}, port=0, functions=function, websocket_api=API, limits=Limits(connections=500, idle=IDLE))
    endpoint.start()
    yield endpoint
    endpoint.stop()


def opened(endpoint: Endpoint, query: str = "", **more: Any) -> ClientConnection:
    url = f"ws://127.0.0.1:{endpoint.port}/live{query}"
    socket: ClientConnection = connect(url, open_timeout=10, proxy=None, **more)
    return socket


def management(endpoint: Endpoint) -> Any:
    return boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=f"{endpoint.url}/live",
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def connection_id(function: Function, number: int = -1) -> str:
    return str(function.of("CONNECT")[number]["requestContext"]["connectionId"])


def test_a_connection_sends_and_gets_messages(endpoint: Endpoint, function: Function) -> None:
    """Each message goes to the route that its action names; what is posted arrives, in order; the body does not."""
    client = management(endpoint)
    with opened(endpoint, "?ticket=t%3D1") as socket:
        (event,) = function.of("CONNECT")
        assert event["queryStringParameters"] == {"ticket": "t=1"}
        assert event["requestContext"]["routeKey"] == "$connect"
        for text in ('{"action": "chat", "q": "Ü"}', '{"action": "$connect"}', "no JSON", '{"action": "other"}'):
            socket.send(text)
        until(lambda: len(function.of("MESSAGE")) == 4)
        messages = function.of("MESSAGE")
        routes = [message["requestContext"]["routeKey"] for message in messages]
        assert routes == ["chat", "$default", "$default", "$default"]
        assert messages[0]["body"] == '{"action": "chat", "q": "Ü"}'
        name = connection_id(function)
        assert {message["requestContext"]["connectionId"] for message in messages} == {name}
        for number in range(50):
            client.post_to_connection(ConnectionId=name, Data=f"{number} ü".encode())
        assert [socket.recv(10) for _ in range(50)] == [f"{number} ü" for number in range(50)]
        held = client.get_connection(ConnectionId=name)
        assert held["Identity"]["SourceIp"] == "127.0.0.1"
    until(lambda: function.of("DISCONNECT"))
    assert function.of("DISCONNECT")[0]["requestContext"]["disconnectStatusCode"] == 1000
    with pytest.raises(ClientError) as gone:
        client.post_to_connection(ConnectionId=name, Data=b"late")
    assert (gone.value.response["Error"]["Code"], gone.value.response["ResponseMetadata"]["HTTPStatusCode"]) == (
        "GoneException",
        410,
    )


def test_a_connection_that_the_route_refuses_is_not_made(endpoint: Endpoint, function: Function) -> None:
    """The status of $connect is that of the handshake; a page of another origin does not even reach it."""
    function.status = 403
    for more in ({}, {"origin": "https://evil.example"}):
        with pytest.raises(InvalidStatus) as refused:
            opened(endpoint, **more)
        assert refused.value.response.status_code == 403
    assert len(function.of("CONNECT")) == 1
    with pytest.raises(InvalidStatus):
        connect(f"ws://127.0.0.1:{endpoint.port}/other", proxy=None)


def test_nothing_can_be_posted_before_the_handshake_is_done(endpoint: Endpoint, function: Function) -> None:
    """410 inside $connect, as on AWS (chalice#1772)."""
    found: list[int] = []

    def post(name: str, payload: bytes, timeout: float | None = None) -> InvokeResult:
        event = json.loads(payload)
        if event["requestContext"]["eventType"] == "CONNECT":
            with pytest.raises(ClientError) as error:
                management(endpoint).post_to_connection(ConnectionId=event["requestContext"]["connectionId"], Data=b"x")
            found.append(error.value.response["ResponseMetadata"]["HTTPStatusCode"])
        return answered(b'{"statusCode": 200}')

    function.invoke = post  # type: ignore[method-assign, assignment]
    with opened(endpoint):
        assert found == [410]


def test_too_large_a_post_is_refused_and_too_large_a_message_closes(endpoint: Endpoint, function: Function) -> None:
    """413 for 128 KB; a client's frame over 32 KB or message over 128 KB ends with code 1009."""
    client = management(endpoint)
    with opened(endpoint, max_size=None) as socket:
        name = connection_id(function)
        client.post_to_connection(ConnectionId=name, Data=b"x" * MESSAGE_BYTES)
        assert len(socket.recv(10)) == MESSAGE_BYTES
        with pytest.raises(ClientError) as error:
            client.post_to_connection(ConnectionId=name, Data=b"x" * (MESSAGE_BYTES + 1))
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
        parts = ["x" * (FRAME_BYTES - 100)] * 3
        socket.send(parts)
        until(lambda: function.of("MESSAGE"))
        assert function.of("MESSAGE")[0]["body"] == "".join(parts)
        socket.send("x" * (FRAME_BYTES + 1))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_an_unsigned_request_manages_nothing(endpoint: Endpoint, function: Function) -> None:
    """Posting to a connection needs a signature, also on this machine."""
    import urllib.error
    import urllib.request

    with opened(endpoint):
        url = f"{endpoint.url}/live/@connections/{connection_id(function)}"
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(url, data=b"x")
        with closing(error.value):
            assert error.value.code == 403


def test_a_connection_can_be_closed_by_the_service(endpoint: Endpoint, function: Function) -> None:
    """DeleteConnection, after what was posted before."""
    client = management(endpoint)
    with opened(endpoint) as socket:
        name = connection_id(function)
        client.post_to_connection(ConnectionId=name, Data=b"last")
        client.delete_connection(ConnectionId=name)
        assert socket.recv(10) == "last"
        with pytest.raises(ConnectionClosed):
            socket.recv(10)
    until(lambda: function.of("DISCONNECT"))


def test_a_client_that_does_not_read_delays_nobody(endpoint: Endpoint, function: Function) -> None:
    """Posts return at once until too much waits, then they are refused; other clients get theirs."""
    client = management(endpoint)
    with opened(endpoint, max_queue=1) as slow, opened(endpoint) as other:
        slow_id, other_id = connection_id(function, 0), connection_id(function, 1)
        statuses = set()
        for _ in range(2000):
            try:
                client.post_to_connection(ConnectionId=slow_id, Data=b"x" * 100_000)
            except ClientError as error:
                statuses.add(error.response["Error"]["Code"])
                break
        assert statuses == {"LimitExceededException"}
        client.post_to_connection(ConnectionId=other_id, Data=b"quick")
        assert other.recv(10) == "quick"
        slow.socket.close()


def test_two_hundred_connections_at_once(endpoint: Endpoint, function: Function) -> None:
    """Silent for longer than an HTTP connection may be, all open, each gets its own; the memory does not grow."""
    client = management(endpoint)
    with ExitStack() as held:
        sockets = [held.enter_context(opened(endpoint)) for _ in range(200)]
        names = [connection_id(function, number) for number in range(200)]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        time.sleep(IDLE + 0.2)
        for round_ in range(3):
            for number, name in enumerate(names):
                client.post_to_connection(ConnectionId=name, Data=f"{round_}-{number}".encode() + b"x" * 10_000)
            for number, socket in enumerate(sockets):
                assert str(socket.recv(10)).startswith(f"{round_}-{number}x")
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 60_000  # kilobytes
    until(lambda: len(function.of("DISCONNECT")) == 200)


def test_a_lambda_that_fails_is_answered_as_api_gateway_does(endpoint: Endpoint, function: Function) -> None:
    """ "Internal server error" with the ids, never the error's text."""

    def boom(event: dict[str, Any]) -> object:
        raise TimeoutError("secret")

    function.then = boom
    with opened(endpoint) as socket:
        socket.send("x")
        document = json.loads(socket.recv(10))
    assert (document["message"], document["connectionId"]) == ("Internal server error", connection_id(function))


def test_a_handler_that_hangs_holds_up_only_its_connection(endpoint: Endpoint, function: Function) -> None:
    """Another client's message is answered meanwhile."""
    release, names = threading.Event(), []

    def hang(event: dict[str, Any]) -> object:
        names.append(event["body"])
        return event["body"] != "hang" or release.wait(10)

    function.then = hang
    with opened(endpoint) as one, opened(endpoint) as two:
        one.send("hang")
        two.send("go")
        until(lambda: "go" in names)
        release.set()
