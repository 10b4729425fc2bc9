"""The table from which the API reads answers: one row for each chat, kept for some hours.

The answer to a question of a conversation is in the item of its turn, and the row names the place of that item.

The API writes a row when it starts an execution; the states RecordAnswer, RecordDontKnow and RecordFailure of
statemachine/chat.asl.json write how it ended. An execution that timed out or was aborted has no state left to write it:
for these, and while the table fails, the API asks DescribeExecution, whose quota is narrow, a few times.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stepguard.aws.executions import Execution
from stepguard.aws.rows import Item, Rows
from stepguard.guard import answer as answers
from stepguard.guard.answer import Answer
from stepguard.guard.conversation import ALONE, Place, turns_key

RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `answer` is there when the execution has succeeded; `age` is in seconds, `started` since 1970.

    `looks` is how often the API has asked DescribeExecution. `place` is that of a conversation's turn; of a `deleted`
    one only the execution knows the answer.
    """

    name: str
    caller: str
    status: str
    execution: str | None = None
    answer: Answer | None = None
    age: float = 0.0
    express: bool = False
    looks: int = 0
    place: Place | None = None
    deleted: bool = False
    started: float = 0.0
    language: str = ""

    @property
    def ended(self) -> bool:
        """Whether the execution has ended, with an answer or without."""
        return self.status != RUNNING


MOST_LISTENERS = 8
"""Connections that wait for one answer; one more replaces the oldest."""
LISTEN_ATTEMPTS = 5


class AnswerTable:
    """The rows of the table ANSWER_TABLE; a deployment without it has none. `now` is in seconds since 1970."""

    def __init__(self, dynamodb: Any = None, now: Callable[[], float] = time.time, table: str | None = None) -> None:
        self._rows = Rows(dynamodb, table)
        self._now = now

    @property
    def rows(self) -> Rows:
        """The items of the table."""
        return self._rows

    @property
    def now(self) -> Callable[[], float]:
        """The time in seconds since 1970."""
        return self._now

    @property
    def deployed(self) -> bool:
        """Whether there is a table."""
        return self._rows.deployed

    def begin(
        self,
        name: str,
        caller: str,
        hours: int,
        *,
        express: bool = False,
        place: Place | None = None,
        language: str = "",
        listener: str | None = None,
    ) -> bool:
        """Write the row of an execution that is about to start; a row that is there stays, which is False.

        `language` is the question's, for the message if it fails. `listener` is the connection that waits for the
        answer; a row that is there gets another one, if it is the same caller's: two pages, or a client that lost its
        connection. Raises StepguardError.
        """
        now = self._now()
        item: dict[str, Any] = {
            "caller": {"S": caller},
            "status": {"S": RUNNING},
            "started": {"N": str(int(now))},
            "expires": {"N": str(answers.expiry(now, hours))},
            "express": {"BOOL": express},
        }
        if language:
            item["language"] = {"S": language}
        if place is not None:
            item |= {"conversation": {"S": place.conversation}, "place": {"S": place.turn}}
        if listener is not None:
            item |= {"listener": {"S": listener}, "listeners": {"S": json.dumps([listener])}}
        absent = "attribute_not_exists(id) OR expires < :now"
        begun = self._rows.put(name, ALONE, item, absent, now={"N": str(int(now))})
        if not begun and listener is not None:
            self._listen(name, caller, listener)
        return begun

    def _listen(self, name: str, caller: str, listener: str) -> None:
        """Put a connection before those that wait already; another process may do the same at the same time."""
        for _ in range(LISTEN_ATTEMPTS):
            item = self._rows.get(name, ALONE) or {}
            before = item.get("listeners", {}).get("S")
            all_of_them = [listener, *(other for other in _listeners(item) if other != listener)]
            given: dict[str, Any] = {
                ":listener": {"S": listener},
                ":caller": {"S": caller},
                ":all": {"S": json.dumps(all_of_them[:MOST_LISTENERS])},
            }
            unchanged = "attribute_not_exists(listeners)" if before is None else "listeners = :before"
            held = {} if before is None else {":before": {"S": before}}
            update, condition = "SET listener = :listener, listeners = :all", f"caller = :caller AND {unchanged}"
            if item.get("caller") != {"S": caller} or self._rows.update(name, update, condition, given | held):
                return

    def listeners(self, name: str) -> list[str]:
        """The connections that wait for an execution's answer, the newest first. Raises StepguardError."""
        return _listeners(self._rows.get(name, ALONE) or {})

    def read(self, name: str) -> Row | None:
        """The row of an execution, as last written; None if there is none or it has expired. Raises StepguardError."""
        row = self._read(name, name, ALONE)
        if row is None or row.place is None or row.ended:
            return row
        turn = self._read(name, row.place.id, row.place.turn)
        if turn is None or turn.deleted:
            return replace(row, deleted=True)
        return replace(turn, place=row.place, age=row.age, looks=row.looks, started=row.started, language=row.language)

    def _read(self, name: str, key: str, turn: str) -> Row | None:
        item = self._rows.get(key, turn)
        if item is None:
            return None
        values = {attribute: next(iter(value.values())) for attribute, value in item.items()}
        now = self._now()
        # DynamoDB deletes expired rows within days.
        return None if float(values.get("expires", 0)) <= now else _row(name, values, now)

    def look(self, row: Row) -> bool:
        """Count a call of DescribeExecution; False if another request has just counted one. Raises StepguardError."""
        return self._rows.update(
            row.name,
            "SET looks = :next",
            "attribute_exists(id) AND (attribute_not_exists(looks) OR looks = :looks)",
            {":next": {"N": str(row.looks + 1)}, ":looks": {"N": str(row.looks)}},
        )

    def end(self, row: Row, execution: Execution) -> None:
        """Write an end that the execution itself could not write. Raises StepguardError."""
        values: dict[str, Any] = {":status": {"S": execution.status}, ":execution": {"S": execution.arn}}
        names = {"#status": "status"}
        update = "SET #status = :status, execution = :execution"
        if execution.answered:
            answer = answers.from_document(execution.output or {}, execution.arn)
            document = answer.to_document()
            values |= {f":{key}": {"S": str(value)} for key, value in document.items() if key != "citations"}
            values |= {
                ":citations": {"S": json.dumps(document.get("citations", []))},
                ":got_hits": {"N": str(answer.got_hits)},
                ":verdicts": {"L": [_verdict_item(verdict) for verdict in answer.verdicts]},
            }
            names |= {"#text": "text", "#source": "source"}
            update += ", #text = :text, outcome = :outcome, #source = :source, got_hits = :got_hits"
            update += ", citations = :citations, verdicts = :verdicts"
        self._rows.update(row.name, update, "attribute_exists(id)", values, names)


def _listeners(item: Item) -> list[str]:
    if "listeners" in item:
        return [str(connection) for connection in json.loads(item["listeners"]["S"])]
    return [str(item["listener"]["S"])] if "listener" in item else []  # a row of an earlier version


def _row(name: str, values: Mapping[str, Any], now: float) -> Row:
    execution = values.get("execution")
    row = Row(
        name=name,
        caller=str(values.get("caller", "")),
        status=str(values.get("status", RUNNING)),
        execution=execution,
        age=now - float(values.get("started", now)),
        express=bool(values.get("express", False)),
        looks=int(values.get("looks", 0)),
        place=_place(values),
        deleted=bool(values.get("deleted", False)),
        started=float(values.get("started", now)),
        language=str(values.get("language", "")),
    )
    if row.status != SUCCEEDED:
        return row
    try:
        verdicts = [_verdict(item["M"]) for item in values["verdicts"]]
        cited = {"citations": json.loads(values.get("citations") or "[]")}
        answer = answers.read_answer({**values, **cited}, verdicts, str(execution))
    except (KeyError, TypeError, ValueError):
        # Not an answer: the execution has to be asked.
        return replace(row, status=RUNNING)
    return replace(row, answer=answer)


def _place(values: Mapping[str, Any]) -> Place | None:
    if "place" not in values:
        return None
    conversation = str(values["conversation"])
    return Place(conversation, turns_key(str(values["caller"]), conversation), str(values["place"]))


def _verdict_item(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """A verdict as the ResultSelector of its state writes it, for `"L.$": "$.*.verdict"`."""
    findings = {"S": json.dumps(verdict["findings"])}
    return {"M": {"state": {"S": verdict["state"]}, "outcome": {"S": verdict["outcome"]}, "findings": findings}}


def _verdict(item: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    findings = json.loads(item["findings"]["S"])
    return {"state": item["state"]["S"], "outcome": item["outcome"]["S"], "findings": findings}
