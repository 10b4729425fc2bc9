"""Many callers at once: each question is answered once, also when AWS's quotas are used up.

`python -m bench.load` is the whole run.
"""

from __future__ import annotations

import json
from pathlib import Path

from bench.load import WAIT_SECONDS, Load, executions, run
from bench.servers import Running
from tests.e2e.product import Server, serve

SECONDS = 60.0


def _check_each_answered_once(server: Server, load: Load, chats: int) -> None:
    assert load.lost == []
    assert len(set(load.executions)) == len(load.executions) == chats
    assert executions(Running(server.url, server.process.pid)) == chats
    assert load.outcomes == {"answered": chats // 2, "blocked": chats // 2}


def test_many_callers_are_answered_once_each(tmp_path: Path) -> None:
    """The embedded API has 32 places; the other callers are sent back and come again."""
    with serve(tmp_path) as server:
        load = run(server.url, callers=40, chats=60, seconds=SECONDS)
        _check_each_answered_once(server, load, 60)
    first, last = (load.quarters()[name]["taken p50"] for name in ("first", "last"))
    assert last < 4 * max(first, 0.5), load.quarters()


def test_throttled_callers_lose_nothing_and_must_wait(tmp_path: Path) -> None:
    """Every service refuses some calls: each reply is an answer, a 202 or a 429, and no question runs twice."""
    quotas = tmp_path / "quotas.json"
    narrow = {
        "stepfunctions:StartExecution": {"size": 4, "refill": 8},
        "stepfunctions:DescribeExecution": {"size": 4, "refill": 4},
        "bedrock-runtime:ApplyGuardrail": {"size": 4, "refill": 8},
        "bedrock-runtime:topicPolicyUnits": {"size": 8, "refill": 20},
        "bedrock-runtime:model": {"size": 4, "refill": 4},
    }
    quotas.write_text(json.dumps(narrow), encoding="utf-8")
    with serve(tmp_path / "served", "--quotas", str(quotas)) as server:
        load = run(server.url, callers=16, chats=20, seconds=SECONDS)
        _check_each_answered_once(server, load, 20)
    kinds = {reply.partition(" ")[0] for reply in load.replies}
    assert kinds <= {"200", "202", "429"}
    assert load.replies["429 Throttled"] + load.replies["202 RUNNING"] > 0
    assert load.took > WAIT_SECONDS
