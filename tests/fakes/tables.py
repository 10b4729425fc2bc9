"""The table of answers: the embedded DynamoDB behind a client whose requests botocore's model checks."""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from embedded_aws.dynamodb import Table, Tables
from embedded_aws.dynamodb.service import TableBackend
from embedded_aws.dynamodb.tables import BETWEEN
from embedded_aws.wire import Account, ServiceError
from stepguard.aws.answer_table import AnswerTable
from stepguard.guard.conversation import ALONE
from stepguard.project.folder import ANSWERS
from tests.fakes.aws import FakeClient, Request, client_error
from tests.fakes.states import MACHINE

NOW = 1_796_000_000.0


class FakeTable:
    """One table of answers. `errors` are raised by the next calls; `now` is the time in seconds.

    `before` runs before every call, in the place of what the state machine does meanwhile.
    """

    def __init__(self, now: float = NOW) -> None:
        self.now = now
        self.errors: list[Exception] = []
        self.before: Callable[[], None] = lambda: None
        self._table = Table(ANSWERS, "id", "expires", "turn")
        folder = TemporaryDirectory()
        self._file = Path(folder.name) / "dynamodb.sqlite3"
        self._tables = Tables(self._file, [self._table], lambda: now)
        weakref.finalize(self, _remove, self._tables, folder)
        backend = TableBackend(self._tables, Account())
        names = ("get_item", "put_item", "update_item", "delete_item", "query")
        operations = {name: self._operation(getattr(backend, name)) for name in names}
        self.fake = FakeClient("dynamodb", **operations)

    @property
    def table(self) -> AnswerTable:
        """The adapter under test, on this fake."""
        return AnswerTable(self.fake.client, lambda: self.now, ANSWERS)

    @property
    def calls(self) -> list[str]:
        """The operations that were called, in their order."""
        return [operation for operation, _ in self.fake.requests]

    def item(self, name: str) -> dict[str, Any] | None:
        """A row as it is stored, with plain values."""
        item = self._tables.get(self._table, _key(name))
        return None if item is None else {key: next(iter(value.values())) for key, value in item.items()}

    def record(self, name: str, answer: Mapping[str, Any], *verdicts: Mapping[str, Any], caller: str = "me") -> None:
        """Write the row of an answer as the state RecordAnswer does."""
        items = [
            {
                "M": {
                    "state": {"S": verdict["state"]},
                    "outcome": {"S": verdict["outcome"]},
                    "findings": {"S": json.dumps(verdict["findings"])},
                }
            }
            for verdict in verdicts
        ]
        self.write(
            name,
            **{key: {"S": answer[key]} for key in ("text", "outcome", "source")},
            got_hits={"N": str(answer["got_hits"])},
            verdicts={"L": items},
            status={"S": "SUCCEEDED"},
            execution={"S": f"{MACHINE.replace(':stateMachine:', ':execution:')}:{name}"},
            caller={"S": caller},
            expires={"N": str(int(self.now) + 86_400)},
        )

    def write(self, name: str, /, *turn: str, **values: Any) -> None:
        """Change an item, or write one: a chat's row, or that of a turn."""
        (sort,) = turn or (ALONE,)
        key = _key(name, sort)
        found = {"id": {"S": name}, "turn": {"S": sort}} | (self._tables.get(self._table, key) or {})
        self._tables.change(self._table, key, lambda before: found | values)

    def all(self) -> list[dict[str, Any]]:
        """Every item, in DynamoDB's form."""
        with closing(sqlite3.connect(self._file)) as database:
            return [json.loads(item) for (item,) in database.execute("SELECT item FROM items ORDER BY key")]

    def _operation(self, method: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Request], Mapping[str, Any]]:
        def call(request: Request) -> Mapping[str, Any]:
            self.before()
            if self.errors:
                raise self.errors.pop(0)
            try:
                return method(request)
            except ServiceError as error:
                raise client_error(error.code, error.message) from None

        return call


def _key(name: str, turn: str = ALONE) -> str:
    return f"{name}{BETWEEN}{turn}"


def _remove(tables: Tables, folder: TemporaryDirectory[str]) -> None:
    tables.close()
    folder.cleanup()
