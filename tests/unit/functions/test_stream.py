"""POST /stream, the routes of the WebSocket API, and the last frame after an execution has ended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.notify_listener import notify_listener
from functions.stream import StreamApi
from stepguard.aws.answer_table import MOST_LISTENERS
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.stream.connections import Connections, Delivery, post
from stepguard.guard.callers import Caller
from stepguard.guard.errors import ServiceUnavailable, Throttled
from stepguard.guard.stream.frames import CONNECTION_SECONDS, TICKET_SECONDS
from tests.fakes.aws import FakeClient, client_error
from tests.fakes.chat import DEFAULTS
from tests.fakes.chats import ANSWERED, Chats, failed
from tests.fakes.states import ANSWER

ALICE = Caller("me", frozenset({"staff"}), pooled=True, tenant="ward")
ENDPOINT = "https://abc.execute-api.us-east-1.amazonaws.com/live"


class Quota(CallerQuota):
    """Counts questions, and refuses after `most`."""

    def __init__(self, most: int = 1000) -> None:
        super().__init__()
        self.taken: list[tuple[str, str | None]] = []
        self.tickets: list[str] = []
        self.most = most

    def take(self, caller: str, questions: int = 1, name: str | None = None) -> None:
        if len(self.taken) >= self.most:
            raise Throttled("Too many.")
        self.taken.append((caller, name))

    def take_ticket(self, caller: str) -> None:
        if len(self.tickets) >= self.most:
            raise Throttled("Too many.")
        self.tickets.append(caller)


class Streams:
    """The API under test on fakes; `sent` are the frames by connection."""

    def __init__(self, **chats: Any) -> None:
        self.chats = Chats(**chats)
        self.quota = Quota()
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.delivery = Delivery.SENT
        self.connections = Connections(self.chats.table.table.rows, lambda: self.chats.table.now)
        self.api = StreamApi(self.chats.chat, self.quota, self.connections, lambda: DEFAULTS, self.send)

    def send(self, connection: str, frame: bytes) -> Delivery:
        self.sent.append((connection, json.loads(frame)))
        return self.delivery

    def event(self, route: str, connection: str = "c1=", **more: Any) -> int:
        context = {"connectionId": connection, "routeKey": route, "domainName": "abc.example.com"}
        return int(self.api.handle({"requestContext": context, "isBase64Encoded": False, **more})["statusCode"])

    def connect(self, ticket: str | None, connection: str = "c1=", **headers: str) -> int:
        query = None if ticket is None else {"ticket": ticket}
        return self.event("$connect", connection, queryStringParameters=query, headers=headers)

    def ticket(self, caller: Caller = ALICE) -> str:
        status, body, _ = self.api.ticket(b"", caller)
        assert status == 200, body
        return str(body["ticket"])

    def say(self, connection: str = "c1=", **message: Any) -> dict[str, Any]:
        """The frame that answers a message at once."""
        body = json.dumps({"action": "chat"} | message)
        assert self.event("chat", connection, body=body) == 200
        return self.sent[-1][1]

    def ended(self, **event: Any) -> dict[str, Any]:
        (arn,) = self.chats.states.inputs
        given = {"execution": arn, "connection": "c1=", "redrives": "0"} | event
        return notify_listener(given, self.chats.chat, self.connections, self.send, self.chats.table.table)


@pytest.fixture(name="streams")
def _streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    monkeypatch.setenv("STREAM_ENDPOINT", ENDPOINT)
    monkeypatch.setenv("STREAM_ORIGINS", "https://chat.example.org, https://b.example.org")
    return Streams()


# --- tickets ---------------------------------------------------------------------------------------------------------


def test_a_ticket_opens_one_connection(streams: Streams) -> None:
    """A second use is refused: it was stolen, or the client tries again with an old one."""
    status, body, _ = streams.api.ticket(b"{}", ALICE)
    assert (status, body["url"], body["expires_in"]) == (200, ENDPOINT.replace("https", "wss"), 60)
    assert streams.connect(body["ticket"]) == 200
    assert streams.connect(body["ticket"], "c2=") == 403
    assert streams.connections.caller("c1=") == ALICE
    assert streams.connections.caller("c2=") is None


def test_a_ticket_has_256_random_bits_and_rests_as_its_hash(streams: Streams) -> None:
    """Who reads the table cannot connect."""
    tickets = {streams.ticket() for _ in range(50)}
    assert len(tickets) == 50
    assert min(map(len, tickets)) >= 43  # 32 bytes in base64
    stored = json.dumps(streams.chats.table.all())
    assert not [ticket for ticket in tickets if ticket in stored]


def test_an_expired_ticket_opens_nothing(streams: Streams) -> None:
    """DynamoDB deletes it days later."""
    ticket = streams.ticket()
    streams.chats.clock.now += TICKET_SECONDS
    assert streams.connect(ticket) == 403


@pytest.mark.parametrize("ticket", [None, "", "guessed", "ticket#x", "connection#c1=", "\ud800"])
def test_anything_else_is_no_ticket(streams: Streams, ticket: str | None) -> None:
    """Without a ticket nobody connects; the key of another item is none."""
    assert streams.connect(ticket) == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://chat.example.org", 200),
        ("HTTPS://B.example.org", 200),
        ("https://abc.example.com", 200),
        ("https://evil.example.org", 403),
        ("https://chat.example.org.evil.com", 403),
        ("http://chat.example.org", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_only_known_pages_connect(streams: Streams, origin: str, status: int) -> None:
    """Cross-site WebSocket hijacking: browsers always send Origin. A refused page leaves the ticket unused."""
    ticket = streams.ticket()
    assert streams.connect(ticket, Origin=origin) == status
    assert streams.connect(ticket, "c2=") == (403 if status == 200 else 200)


def test_a_deployment_that_does_not_stream_says_so(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ticket that opens nothing."""
    monkeypatch.delenv("STREAM_ENDPOINT")
    status, body, _ = streams.api.ticket(b"", ALICE)
    assert (status, body["error"]["code"]) == (400, "InvalidRequest")
    assert "Streaming=yes" in body["error"]["message"]


def test_without_tls_the_address_has_the_callers_host(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded AWS behind a port of a container or a name."""
    monkeypatch.setenv("STREAM_ENDPOINT", "http://127.0.0.1:4566/live")
    assert streams.api.ticket(b"", ALICE, "localhost:8080")[1]["url"] == "ws://localhost:8080/live"


def test_tickets_are_counted_beside_questions(streams: Streams) -> None:
    """A ticket starts no work, so it takes nothing of the questions; a flood of tickets is refused all the same."""
    streams.quota.most = 2
    for connection in ("c1=", "c2="):
        assert streams.connect(streams.ticket(), connection) == 200
    assert streams.api.ticket(b"", ALICE)[0] == 429
    assert streams.quota.tickets == ["me", "me"]
    for connection in ("c1=", "c2="):
        assert streams.say(connection, question="Why?")["type"] == "status"
    assert streams.say(question="Why?")["error"]["code"] == "Throttled"


# --- messages --------------------------------------------------------------------------------------------------------


def test_a_question_starts_the_chat_of_its_caller(streams: Streams) -> None:
    """STANDARD, with the connection as its listener and the caller of the ticket; the message names none of these."""
    streams.connect(streams.ticket())
    frame = streams.say(question="Why?", client_token="t1")
    (document,) = streams.chats.states.inputs.values()
    assert document["request"]["listener"] == {"connection": "c1="}
    assert document["request"]["caller"] == {"id": "me", "groups": ["staff"], "tenant": "ward"}
    assert frame["execution"].endswith(f":{frame['turn']}")
    assert (frame["type"], frame["stage"], frame["client_token"]) == ("status", "Started", "t1")
    assert streams.quota.taken == [("me", streams.chats.name)]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        '{"action": "chat"}',
        '{"action": "chat", "question": " "}',
        '{"action": "other", "question": "Why?"}',
        '{"question": "Why?"}',
        '{"action": "chat", "question": "Why?", "listener": "c2="}',
        '{"action": "chat", "question": "Why?", "caller": "bob"}',
        '{"action": "chat", "question": "Why?", "client_token": ""}',
        '{"action": "chat", "question": "\\ud800"}',
        '{"action": "chat", "question": "Why?", "conversation": 7}',
    ],
)
def test_every_message_is_counted_and_a_wrong_one_starts_nothing(streams: Streams, body: str) -> None:
    """The client hears why, without its text."""
    streams.connect(streams.ticket())
    streams.event("$default", body=body)
    ((_, frame),) = streams.sent
    assert (frame["type"], frame["turn"], frame["error"]["code"]) == ("error", None, "InvalidRequest")
    assert streams.chats.states.inputs == {}
    assert streams.quota.taken == [("me", None)]


def test_a_caller_over_its_quota_hears_it(streams: Streams) -> None:
    """Whether its messages are right or wrong."""
    streams.quota.most = 1
    streams.connect(streams.ticket())
    assert streams.say(question=" ")["error"]["code"] == "InvalidRequest"
    assert streams.say(question=" ")["error"]["code"] == "Throttled"
    assert streams.say(question="Why?")["error"]["code"] == "Throttled"
    assert streams.chats.states.inputs == {}


def test_a_connection_that_is_closed_or_too_old_starts_nothing(streams: Streams) -> None:
    """Also one that never was."""
    streams.connect(streams.ticket())
    streams.event("$disconnect")
    assert streams.say(question="Why?")["type"] == "error"
    streams.connect(streams.ticket(), "c2=")
    streams.chats.clock.now += CONNECTION_SECONDS
    assert streams.say("c2=", question="Why?")["type"] == "error"
    assert streams.say("unknown", question="Why?")["type"] == "error"
    assert streams.chats.states.inputs == {}


def test_a_client_that_reconnects_gets_the_answer_on_its_new_connection(streams: Streams) -> None:
    """The same client_token is the same execution; the last connection is told of its end."""
    streams.connect(streams.ticket())
    first = streams.say(question="Why?", client_token="t")
    streams.event("$disconnect")
    streams.connect(streams.ticket(), "c2=")
    streams.chats.states.looks = 5
    again = streams.say("c2=", question="Why?", client_token="t")
    assert again["turn"] == first["turn"]
    assert len(streams.chats.states.inputs) == 1
    row = streams.chats.table.item(streams.chats.name)
    assert row is not None
    assert row["listener"] == "c2="


def test_an_answer_that_is_there_already_comes_at_once(streams: Streams) -> None:
    """The client was away when the execution ended."""
    streams.connect(streams.ticket())
    streams.say(question="Why?", client_token="t")
    ANSWERED(streams.chats, streams.chats.name)
    frame = streams.say(question="Why?", client_token="t")
    assert (frame["type"], frame["answer"]["text"]) == ("final", ANSWER["text"])


def test_two_tabs_with_one_token_both_get_the_end(streams: Streams) -> None:
    """One execution, counted once; each connection gets `final`, the newest first. Who has left gets none."""
    for connection in ("c1=", "c2=", "c3="):
        streams.connect(streams.ticket(), connection)
    streams.chats.states.looks = 5
    frames = [streams.say(connection, question="Why?", client_token="t") for connection in ("c1=", "c2=", "c3=")]
    assert len({frame["turn"] for frame in frames}) == len(streams.chats.states.inputs) == 1
    streams.event("$disconnect", "c2=")
    streams.chats.states.looks = 0
    ANSWERED(streams.chats, streams.chats.name)
    before = len(streams.sent)
    assert streams.ended(connection="c3=") == {"delivered": "sent"}
    assert [(connection, frame["type"]) for connection, frame in streams.sent[before:]] == [
        ("c3=", "final"), ("c1=", "final"),
    ]  # fmt: skip


def test_many_connections_for_one_answer_are_old_ones(streams: Streams) -> None:
    """A client that reconnects again and again: a few are kept, the newest always."""
    streams.chats.states.looks = 99
    for number in range(MOST_LISTENERS + 3):
        streams.connect(streams.ticket(), f"c{number}")
        streams.say(f"c{number}", question="Why?", client_token="t")
    kept = streams.chats.table.table.listeners(streams.chats.name)
    assert kept[0] == f"c{MOST_LISTENERS + 2}"
    assert len(kept) <= MOST_LISTENERS


def test_two_tabs_have_two_turns(streams: Streams) -> None:
    """Each connection gets the frames of its own question."""
    for connection in ("c1=", "c2="):
        streams.connect(streams.ticket(), connection)
        streams.say(connection, question="Why?")
    turns = {connection: frame["turn"] for connection, frame in streams.sent}
    assert len(set(turns.values())) == 2
    listeners = [document["request"]["listener"]["connection"] for document in streams.chats.states.inputs.values()]
    assert listeners == ["c1=", "c2="]


# --- the end ---------------------------------------------------------------------------------------------------------


def test_the_end_is_what_get_chat_says(streams: Streams) -> None:
    """`final` with the body of GET /chat/{execution} for the caller of the connection."""
    streams.connect(streams.ticket())
    streams.say(question="Why?")
    ANSWERED(streams.chats, streams.chats.name)
    assert streams.ended() == {"delivered": "sent"}
    connection, frame = streams.sent[-1]
    status, body, _ = streams.chats.get(ALICE)
    assert (connection, frame["type"], status) == ("c1=", "final", 200)
    assert {**frame, **body} == frame


def test_a_failed_chat_ends_with_an_error(streams: Streams) -> None:
    """With the words that GET has for it."""
    streams.connect(streams.ticket())
    streams.say(question="Why?")
    failed(streams.chats, streams.chats.name)
    streams.ended()
    frame = streams.sent[-1][1]
    assert (frame["type"], frame["status"], frame["answer"]["outcome"]) == ("error", "FAILED", "unavailable")


@pytest.mark.parametrize("status", ["TIMED_OUT", "ABORTED"])
def test_an_end_that_wrote_nothing_is_asked_for(streams: Streams, status: str) -> None:
    """No state is left to write the row; Step Functions knows how it ended."""
    streams.connect(streams.ticket())
    streams.say(question="Why?")
    streams.chats.states.status = status
    streams.ended()
    assert (streams.sent[-1][1]["type"], streams.sent[-1][1]["status"]) == ("error", status)


def test_an_end_that_is_not_visible_yet_is_asked_for_again(streams: Streams) -> None:
    """By the state machine's Retry; the listener gets no frame that is wrong."""
    streams.connect(streams.ticket())
    streams.say(question="Why?")
    streams.chats.states.looks = 9
    before = len(streams.sent)
    with pytest.raises(ServiceUnavailable):
        streams.ended()
    assert len(streams.sent) == before


def test_a_listener_that_has_gone_is_no_failure(streams: Streams) -> None:
    """Closed before, or found closed by the post; then it is forgotten."""
    streams.connect(streams.ticket())
    streams.say(question="Why?")
    ANSWERED(streams.chats, streams.chats.name)
    streams.delivery = Delivery.GONE
    assert streams.ended() == {"delivered": "gone"}
    assert streams.connections.caller("c1=") is None
    before = len(streams.sent)
    assert streams.ended() == {"delivered": "gone"}
    assert len(streams.sent) == before


def test_nobody_gets_anothers_answer(streams: Streams) -> None:
    """A row whose listener is another caller's connection: as if there were no execution."""
    streams.connect(streams.ticket())
    streams.say(question="Why?")
    ANSWERED(streams.chats, streams.chats.name)
    streams.connect(streams.ticket(Caller("bob")), "bob=")
    before = len(streams.sent)
    with pytest.raises(Exception, match="No execution of this name"):
        streams.ended(connection="bob=")
    assert len(streams.sent) == before


# --- posting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "delivery"),
    [
        (client_error("GoneException", "", 410), Delivery.GONE),
        (client_error("PayloadTooLargeException", "", 413), Delivery.LOST),
        (client_error("LimitExceededException", "", 429), Delivery.LOST),
        (client_error("BadRequestException", "", 400), Delivery.LOST),
    ],
)
def test_a_frame_that_cannot_be_sent_fails_nothing(error: Exception, delivery: Delivery) -> None:
    """One attempt; only 410 says that the client has left."""
    api = FakeClient("apigatewaymanagementapi", post_to_connection=error)
    assert post("c1=", b"{}", api) is delivery
    assert len(api.requests) == 1
