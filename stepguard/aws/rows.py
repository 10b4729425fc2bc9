"""Items of the table ANSWER_TABLE: its key is `id` and `turn`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from stepguard.aws.clients import aws_errors, client
from stepguard.guard.conversation import ALONE

Item = Mapping[str, Mapping[str, Any]]
"""The attributes by name, in DynamoDB's form."""

PAGE = 50
"""Items of one call of Query."""

_OPERATIONS = {"put_item": "PutItem", "update_item": "UpdateItem", "delete_item": "DeleteItem"}


class Rows:
    """The table; a deployment without ANSWER_TABLE has none. Every function raises StepguardError."""

    def __init__(self, dynamodb: Any = None, table: str | None = None) -> None:
        self._client = dynamodb
        self._table = table

    @property
    def deployed(self) -> bool:
        """Whether there is a table."""
        return bool(self._name)

    @property
    def _name(self) -> str:
        return self._table if self._table is not None else os.environ.get("ANSWER_TABLE", "")

    @property
    def _dynamodb(self) -> Any:
        return self._client or client("dynamodb")

    def get(self, key: str, turn: str = ALONE) -> Item | None:
        """One item, as last written."""
        with aws_errors("GetItem"):
            found: Item | None = self._dynamodb.get_item(
                TableName=self._name, Key=_key(key, turn), ConsistentRead=True
            ).get("Item")
        return found

    def newest(self, key: str, before: str | None = None, names: Sequence[str] = ()) -> list[Item]:
        """The items of a partition before a sort key, the last one first; of all attributes or of these."""
        condition, values = "id = :id", {":id": {"S": key}}
        if before is not None:
            condition, values = f"{condition} AND turn < :before", values | {":before": {"S": before}}
        with aws_errors("Query"):
            page = self._dynamodb.query(
                TableName=self._name,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                ScanIndexForward=False,
                Limit=PAGE,
                ConsistentRead=True,
                **({"ProjectionExpression": ", ".join(names)} if names else {}),
            )
        return list(page["Items"])

    def all(self, key: str, names: Sequence[str] = ()) -> Iterator[Item]:
        """All items of a partition, the last one first."""
        before: str | None = None
        while page := self.newest(key, before, names):
            yield from page
            before = str(page[-1]["turn"]["S"])

    def put(self, key: str, turn: str, values: Item, condition: str | None = None, **given: Mapping[str, str]) -> bool:
        """Write an item; False if the condition does not hold."""
        checked: dict[str, Any] = {} if condition is None else {"ConditionExpression": condition}
        if given:
            checked["ExpressionAttributeValues"] = {f":{name}": value for name, value in given.items()}
        return self._write("put_item", Item={**_key(key, turn), **values}, **checked)

    def update(
        self,
        key: str,
        update: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
        turn: str = ALONE,
    ) -> bool:
        """Change an item; False if the condition does not hold."""
        aliases: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
        if values:  # DynamoDB refuses an empty map
            aliases["ExpressionAttributeValues"] = values
        return self._write(
            "update_item",
            Key=_key(key, turn),
            UpdateExpression=update,
            ConditionExpression=condition,
            **aliases,
        )

    def delete(self, key: str, turn: str) -> None:
        """Delete an item; a missing one is no error."""
        self._write("delete_item", Key=_key(key, turn))

    def take(self, key: str, turn: str = ALONE) -> Item | None:
        """Delete an item and return it, which only one of several callers can; None if there is none."""
        with aws_errors("DeleteItem"):
            try:
                deleted = self._dynamodb.delete_item(
                    TableName=self._name,
                    Key=_key(key, turn),
                    ConditionExpression="attribute_exists(id)",
                    ReturnValues="ALL_OLD",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                return None
        found: Item | None = deleted.get("Attributes")
        return found

    def _write(self, operation: str, **request: Any) -> bool:
        with aws_errors(_OPERATIONS[operation]):
            try:
                getattr(self._dynamodb, operation)(TableName=self._name, **request)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                return False
        return True


def _key(key: str, turn: str) -> dict[str, Any]:
    return {"id": {"S": key}, "turn": {"S": turn}}
