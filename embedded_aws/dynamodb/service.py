"""DynamoDB over HTTP for the tables of the state folder; moto serves every other table, in memory.

It has what the product calls: reading, writing, updating and deleting one item, and reading the items of one partition.
Anything else is refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from embedded_aws.dynamodb.expressions import Expression
from embedded_aws.dynamodb.tables import BETWEEN, Item, Table, Tables
from embedded_aws.wire import Account, HttpRequest, HttpResponse, JsonService, Quotas, ServiceError
from embedded_aws.wire.quotas import UNLIMITED

ITEM_BYTES = 400 * 1024
KEY_BYTES = 2048
SORT_KEY_BYTES = 1024
PAGE_BYTES = 1024 * 1024
_COMMON = frozenset({"TableName", "ExpressionAttributeNames", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"})
_WRITE = _COMMON | {
    "ConditionExpression",
    "ExpressionAttributeValues",
    "ReturnValues",
    "ReturnValuesOnConditionCheckFailure",
}


class TableService:
    """The tables of the state folder; the endpoint calls `owns` and `handle`, as for every embedded service."""

    def __init__(self, tables: Tables, account: Account, quotas: Quotas = UNLIMITED) -> None:
        self._tables = tables
        self._service = JsonService("dynamodb", TableBackend(tables, account), quotas)

    def owns(self, request: HttpRequest) -> bool:
        """Whether the request is one of DynamoDB's operations."""
        return self._service.owns(request)

    def handle(self, request: HttpRequest) -> HttpResponse | None:
        """Answer a request about one of these tables; None for every other request."""
        try:
            name = json.loads(request.body)["TableName"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return self._service.handle(request) if self._tables.table(str(name)) else None


class TableBackend:
    """The operations, by the service model's parameters."""

    def __init__(self, tables: Tables, account: Account) -> None:
        self._tables = tables
        self._account = account

    def describe_table(self, params: dict[str, Any]) -> dict[str, Any]:
        """The table, which always exists."""
        table = self._table(params, frozenset({"TableName"}))
        arn = self._account.arn("dynamodb", f"table/{table.name}")
        kinds = zip(table.keys, ("HASH", "RANGE"), strict=False)
        keys = [{"AttributeName": name, "KeyType": kind} for name, kind in kinds]
        return {"Table": {"TableName": table.name, "TableArn": arn, "TableStatus": "ACTIVE", "KeySchema": keys}}

    def get_item(self, params: dict[str, Any]) -> dict[str, Any]:
        """One item; every read is consistent."""
        table = self._table(params, _COMMON | {"Key", "ConsistentRead", "ProjectionExpression"})
        item = self._tables.get(table, _key(table, params["Key"]))
        if item is None:
            return {}
        if "ProjectionExpression" in params:
            wanted = _expression(params, "ProjectionExpression").names()
            item = {name: item[name] for name in wanted if name in item}
        return {"Item": item}

    def put_item(self, params: dict[str, Any]) -> dict[str, Any]:
        """Write an item whole."""
        table = self._table(params, _WRITE | {"Item"})
        key = _key(table, {name: value for name, value in params["Item"].items() if name in table.keys})
        return self._write(table, key, params, lambda before: params["Item"])

    def update_item(self, params: dict[str, Any]) -> dict[str, Any]:
        """Change attributes of an item, which is created if it does not exist."""
        table = self._table(params, _WRITE | {"Key", "UpdateExpression"})
        key = _key(table, params["Key"])

        def updated(before: Item | None) -> Item:
            held = before or params["Key"]
            after = _expression(params, "UpdateExpression").applied(held) if "UpdateExpression" in params else held
            for name in table.keys:
                if after.get(name) != params["Key"][name]:
                    problem = f"Cannot update attribute {name}. This attribute is part of the key"
                    raise ServiceError("ValidationException", f"One or more parameter values were invalid: {problem}")
            return dict(after)

        return self._write(table, key, params, updated)

    def delete_item(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete an item; a missing one is no error."""
        table = self._table(params, _WRITE | {"Key"})
        return self._write(table, _key(table, params["Key"]), params, lambda before: None)

    def query(self, params: dict[str, Any]) -> dict[str, Any]:
        """The items of one partition by their sort keys, at most `Limit` and 1 MB of them; every read is consistent."""
        known = {"KeyConditionExpression", "ExpressionAttributeValues", "ScanIndexForward", "Limit", "ConsistentRead"}
        table = self._table(params, _COMMON | known | {"ProjectionExpression"})
        partition, condition = _range(table, params)
        items = [item for item in self._tables.partition(table, partition) if condition.holds(item)]
        if not params.get("ScanIndexForward", True):
            items.reverse()
        page = _page(items, params.get("Limit"))
        found: dict[str, Any] = {"Items": page, "Count": len(page), "ScannedCount": len(page)}
        if "ProjectionExpression" in params:
            wanted = _expression(params, "ProjectionExpression").names()
            found["Items"] = [{name: item[name] for name in wanted if name in item} for item in page]
        # As in DynamoDB, a page that ends at its limit does not know whether it was the last one.
        if len(page) < len(items) or (page and len(page) == params.get("Limit")):
            found["LastEvaluatedKey"] = {name: page[-1][name] for name in table.keys}
        return found

    def _table(self, params: Mapping[str, Any], known: frozenset[str]) -> Table:
        if unknown := sorted(set(params) - known):
            raise ServiceError(
                "ValidationException", f"The embedded DynamoDB does not implement {', '.join(unknown)}.", 400
            )
        table = self._tables.table(params["TableName"])
        if table is None:
            raise ServiceError("ResourceNotFoundException", "Requested resource not found", 400)
        return table

    def _write(self, table: Table, key: str, params: Mapping[str, Any], change: Any) -> dict[str, Any]:
        returned = params.get("ReturnValues", "NONE")
        if returned not in ("NONE", "ALL_OLD", "ALL_NEW"):
            raise ServiceError("ValidationException", f"The embedded DynamoDB does not return {returned}.", 400)

        def checked(before: Item | None) -> Item | None:
            if "ConditionExpression" in params and not _expression(params, "ConditionExpression").holds(before or {}):
                returned_item = before if params.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else None
                message = "The conditional request failed"
                raise ServiceError(
                    "ConditionalCheckFailedException",
                    message,
                    400,
                    **({"Item": returned_item} if returned_item else {}),
                )
            after: Item | None = change(before)
            if after is not None:
                _check_item(after)
            return after

        before, after = self._tables.change(table, key, checked)
        found = {"ALL_OLD": before, "ALL_NEW": after}.get(returned)
        return {"Attributes": found} if found else {}


def _expression(params: Mapping[str, Any], name: str) -> Expression:
    names, values = params.get("ExpressionAttributeNames", {}), params.get("ExpressionAttributeValues", {})
    for value in values.values():
        _size(value)  # refuses invalid numbers and types
    return Expression(name, params[name], names, values)


def _key(table: Table, key: Mapping[str, Any]) -> str:
    values = [key.get(name, {}).get("S") for name in table.keys]
    if set(key) != set(table.keys) or not all(values):
        raise ServiceError("ValidationException", "The provided key element does not match the schema", 400)
    for value, kind, most in zip(values, ("hashkey", "rangekey"), (KEY_BYTES, SORT_KEY_BYTES), strict=False):
        if len(value.encode()) > most:
            problem = f"Size of {kind} has exceeded the maximum size limit of{most} bytes"
            raise ServiceError("ValidationException", f"One or more parameter values were invalid: {problem}", 400)
    return _joined(table, *map(str, values))


def _joined(table: Table, partition: str, *sort: str) -> str:
    """One text for both keys: no text of a partition key can end it."""
    return BETWEEN.join((partition.replace("%", "%25").replace(BETWEEN, "%00") if table.sort else partition, *sort))


_SORT_CONDITION = r"\s+AND\s+([#\w]+)\s*(?:=|<=?|>=?)\s*:\w+"
_KEY_CONDITION = re.compile(rf"\s*([#\w]+)\s*=\s*(:\w+)(?:{_SORT_CONDITION})?\s*", re.IGNORECASE)


def _range(table: Table, params: Mapping[str, Any]) -> tuple[str, Expression]:
    """The partition of a Query, and the condition on its items."""
    text = str(params.get("KeyConditionExpression", ""))
    found = _KEY_CONDITION.fullmatch(text)
    if found is None or table.sort is None:
        problem = f"The embedded DynamoDB does not read the key condition {text!r}."
        raise ServiceError("ValidationException", problem, 400)
    names = params.get("ExpressionAttributeNames", {})
    given = tuple(names.get(name, name) for name in (found[1], found[3]) if name)
    if given != table.keys[: len(given)]:
        raise ServiceError("ValidationException", "Query condition missed key schema element", 400)
    condition = _expression(params, "KeyConditionExpression")
    value = params.get("ExpressionAttributeValues", {}).get(found[2], {}).get("S")
    if not value:
        raise ServiceError("ValidationException", "The provided key element does not match the schema", 400)
    return _joined(table, value), condition


def _page(items: list[Item], limit: int | None) -> list[Item]:
    page: list[Item] = []
    size = 0
    for item in items[:limit]:
        page.append(item)
        size += sum(len(name.encode()) + _size(value) for name, value in item.items())
        if size >= PAGE_BYTES:
            break
    return page


def _check_item(item: Item) -> None:
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    if sum(len(name.encode()) + _size(value) for name, value in item.items()) > ITEM_BYTES:
        raise ServiceError("ValidationException", "Item size has exceeded the maximum allowed size", 400)


def _size(value: Mapping[str, Any]) -> int:
    """The bytes of a value, which is checked."""
    if len(value) != 1:
        problem = "Supplied AttributeValue has more than one datatypes set, must contain exactly one"
        raise ServiceError("ValidationException", f"{problem} of the supported datatypes", 400)
    ((kind, content),) = value.items()
    if kind == "L":
        return 3 + sum(1 + _size(item) for item in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _size(item) for name, item in content.items())
    if kind == "N":
        _check_number(content)
    elif kind not in ("S", "BOOL", "NULL"):
        raise ServiceError("ValidationException", f"The embedded DynamoDB does not keep the type {kind}.", 400)
    return len(str(content).encode())


def _check_number(text: str) -> None:
    try:
        finite = Decimal(text).is_finite()
    except InvalidOperation:
        finite = False
    if not finite:
        problem = f"The parameter cannot be converted to a numeric value: {text}"
        raise ServiceError("ValidationException", problem, 400)
