"""The chat API on executions in memory."""

from __future__ import annotations

import json

from functions.chat_api import ChatApi
from functions.routes import Reply, started
from stepguard.aws.answer_table import AnswerTable
from stepguard.aws.caller_quota import CallerQuota
from stepguard.guard.callers import Caller
from stepguard.guard.settings import Settings, read_settings
from tests.fakes.states import Clock, FakeStates
from tests.fakes.tables import FakeTable

DEFAULTS = read_settings({})
SECRET = "zebra-4711-secret"


def api(
    states: FakeStates, clock: Clock | None = None, settings: Settings = DEFAULTS, table: FakeTable | None = None
) -> ChatApi:
    """The API on these executions, without a table of answers or with one; time passes only when something sleeps."""
    clock = clock or Clock()
    answers = AnswerTable(table="") if table is None else table.table
    return ChatApi(states.executions, lambda: settings, clock, clock.sleep, table=answers)


def post(states: FakeStates, body: object, who: str = "me", clock: Clock | None = None) -> Reply:
    """POST /chat with this JSON."""
    return posted(api(states, clock), json.dumps(body).encode(), Caller(who))


def posted(chat: ChatApi, body: bytes, caller: Caller, quota: CallerQuota | None = None) -> Reply:
    """POST /chat as app.py runs it: counted, then started."""
    return started(lambda: chat.post_chat(body, caller), caller, quota or CallerQuota())
