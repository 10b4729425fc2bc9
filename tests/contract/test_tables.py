"""The tables of the state folder, through boto3, with moto as a second opinion on every request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedded_aws.dynamodb import Table, Tables, TableService
from embedded_aws.endpoint import Endpoint
from embedded_aws.wire import Account

KEPT = Table("kept", "id", "expires")
SCHEMA: dict[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}


@pytest.fixture(name="tables", scope="module")
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tables]:
    """One table in a file."""
    tables = Tables(tmp_path_factory.mktemp("tables") / "dynamodb.sqlite3", [KEPT])
    yield tables
    tables.close()


@pytest.fixture(name="dynamodb", scope="module")
def _dynamodb(tables: Tables) -> Iterator[Any]:
    """A client of an endpoint that keeps the table `kept`; `memory` is moto's."""
    endpoint = Endpoint({"dynamodb": [TableService(tables, Account())]}, host="127.0.0.1", port=0)
    try:
        client = boto3.client(
            "dynamodb",
            endpoint_url=endpoint.start(),
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=10),
        )
        client.create_table(TableName="memory", **SCHEMA)
        yield client
    finally:
        endpoint.stop()


def outcome(dynamodb: Any, operation: str, table: str, request: dict[str, Any]) -> Any:
    """What the operation answers, or the code of its error and the item that comes with it."""
    try:
        answer = getattr(dynamodb, operation)(TableName=table, **request)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response.get("Item")
    # moto returns the capacity also without ReturnConsumedCapacity.
    return {name: value for name, value in answer.items() if name not in ("ResponseMetadata", "ConsumedCapacity")}


KEYS = st.sampled_from(["a", "b", "ü/%"]).map(lambda key: {"id": {"S": key}})
VALUES = st.one_of(
    st.sampled_from(["", "x", "ü", "\N{GRINNING FACE}", "y" * 500]).map(lambda text: {"S": text}),
    st.integers(-3, 3).map(lambda number: {"N": str(number)}),
    st.booleans().map(lambda flag: {"BOOL": flag}),
    st.just({"L": [{"M": {"state": {"S": "ü"}, "more": {"L": []}}}, {"N": "1"}]}),
)
NUMBERS = st.integers(-3, 3).map(lambda number: {"N": str(number)})
CONDITIONS = st.sampled_from(
    [
        None,
        "attribute_exists(id)",
        "attribute_not_exists(id)",
        "attribute_not_exists(#n) OR #n < :n",
        "NOT (#n = :n) AND attribute_exists(id)",
        "#n <> :n",
        "attribute_not_exists(answer) AND (#n >= :n OR attribute_not_exists(#n))",
    ]
)
UPDATES = st.sampled_from(
    [
        "SET #n = :n",
        "SET answer = :v, #n = if_not_exists(#n, :n)",
        "SET #n = if_not_exists(#n, :n) + :n",
        "ADD #n :n",
        "REMOVE answer",
        "SET answer = :v REMOVE expires",
    ]
)
RETURNED = st.sampled_from(["NONE", "ALL_OLD"])


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An operation and its request, with the names and values that its expressions use and no others."""
    operation = draw(st.sampled_from(["get_item", "put_item", "update_item", "delete_item"]))
    key = draw(KEYS)
    if operation == "get_item":
        return operation, {"Key": key, "ConsistentRead": True}
    request: dict[str, Any] = {"ReturnValues": draw(RETURNED)}
    texts = []
    if operation == "put_item":
        request["Item"] = key | {"answer": draw(VALUES), "number": draw(NUMBERS)}
    else:
        request["Key"] = key
    if operation == "update_item":
        request["ReturnValues"] = draw(st.sampled_from(["NONE", "ALL_OLD", "ALL_NEW"]))
        request["UpdateExpression"] = draw(UPDATES)
        texts.append(request["UpdateExpression"])
    condition = draw(CONDITIONS)
    if condition is not None:
        request["ConditionExpression"] = condition
        texts.append(condition)
    used = " ".join(texts)
    if "#n" in used:
        request["ExpressionAttributeNames"] = {"#n": "number"}
    values = {name: draw(NUMBERS if name == ":n" else VALUES) for name in (":n", ":v") if name in used}
    if values:
        request["ExpressionAttributeValues"] = values
    return operation, request


@given(st.lists(requests(), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_request_has_motos_answer(dynamodb: Any, made: list[tuple[str, dict[str, Any]]]) -> None:
    """The same requests on the table of the folder and on one of moto: the same items, the same errors."""
    for table in ("kept", "memory"):
        for key in ("a", "b", "ü/%"):
            dynamodb.delete_item(TableName=table, Key={"id": {"S": key}})
    for operation, request in made:
        assert outcome(dynamodb, operation, "kept", request) == outcome(dynamodb, operation, "memory", request)


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no key": ("get_item", {"Key": {"other": {"S": "x"}}}, "does not match the schema"),
    "two keys": ("get_item", {"Key": {"id": {"S": "x"}, "more": {"S": "x"}}}, "does not match the schema"),
    "number as key": ("get_item", {"Key": {"id": {"N": "1"}}}, "does not match the schema"),
    "empty key": ("get_item", {"Key": {"id": {"S": ""}}}, "does not match the schema"),
    "long key": ("get_item", {"Key": {"id": {"S": "x" * 2049}}}, "2048 bytes"),
    "item without key": ("put_item", {"Item": {"answer": {"S": "x"}}}, "does not match the schema"),
    "large item": ("put_item", {"Item": {"id": {"S": "x"}, "answer": {"S": "ü" * 205_000}}}, "Item size"),
    "no number": ("put_item", {"Item": {"id": {"S": "x"}, "answer": {"N": "many"}}}, "numeric value"),
    "infinite": ("put_item", {"Item": {"id": {"S": "x"}, "answer": {"N": "Infinity"}}}, "numeric value"),
    "set": ("put_item", {"Item": {"id": {"S": "x"}, "answer": {"SS": ["a"]}}}, "type SS"),
    "set in a list": ("put_item", {"Item": {"id": {"S": "x"}, "answer": {"L": [{"SS": ["a"]}]}}}, "type SS"),
    "large list": ("put_item", {"Item": {"id": {"S": "x"}, "answer": {"L": [{"S": "x" * 205_000}] * 2}}}, "Item size"),
    "old condition": ("put_item", {"Item": {"id": {"S": "x"}}, "Expected": {}}, "implement Expected"),
    "key changed": (
        "update_item",
        {
            "Key": {"id": {"S": "x"}},
            "UpdateExpression": "SET id = :v",
            "ExpressionAttributeValues": {":v": {"S": "y"}},
        },
        "part of the key",
    ),
    "no number to compare": (
        "put_item",
        {
            "Item": {"id": {"S": "x"}},
            "ConditionExpression": "answer > :v",
            "ExpressionAttributeValues": {":v": {"N": "many"}},
        },
        "numeric value",
    ),
    "no number to add": (
        "update_item",
        {
            "Key": {"id": {"S": "x"}},
            "UpdateExpression": "ADD answer :v",
            "ExpressionAttributeValues": {":v": {"N": "many"}},
        },
        "numeric value",
    ),
}
EXPRESSIONS = {
    "function": "begins_with(id, :v)",
    "path": "a.b = :v",
    "list": "a[0] = :v",
    "unknown value": "id = :w",
    "unknown name": "#w = :v",
    "unfinished": "id =",
    "open": "(id = :v",
    "two": "id = :v id = :v",
    "no operator": "id :v",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_dynamodb_refuses_is_refused(dynamodb: Any, name: str) -> None:
    """With ValidationException and the reason."""
    operation, request, reason = REFUSED[name]
    with pytest.raises(ClientError, match=reason) as raised:
        getattr(dynamodb, operation)(TableName="kept", **request)
    assert raised.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize("text", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_an_expression_that_is_not_read_is_refused(dynamodb: Any, text: str) -> None:
    """Nothing of a condition is ignored, and nothing is written."""
    key = {"id": {"S": "untouched"}}
    with pytest.raises(ClientError, match="Invalid ConditionExpression"):
        dynamodb.put_item(
            TableName="kept",
            Item=key,
            ConditionExpression=text,
            ExpressionAttributeValues={":v": {"S": "x"}},
        )
    assert "Item" not in dynamodb.get_item(TableName="kept", Key=key)


def test_other_operations_on_the_table_are_refused_by_name(dynamodb: Any) -> None:
    """They never reach moto, which has no such table."""
    with pytest.raises(ClientError, match="dynamodb:Scan"):
        dynamodb.scan(TableName="kept")
    assert dynamodb.describe_table(TableName="kept")["Table"]["TableStatus"] == "ACTIVE"


def put(tables: Tables, item: dict[str, Any]) -> None:
    """Write an item without a condition."""
    tables.change(KEPT, item["id"]["S"], lambda before: item)


def test_items_outlive_the_process_and_expired_ones_do_not(tmp_path: Path) -> None:
    """Every write is in the file at once; what has expired is gone when the file is opened."""
    file = tmp_path / "dynamodb.sqlite3"
    first = Tables(file, [KEPT], now=lambda: 1000)
    for key, expires in (("old", "1999"), ("new", "2001"), ("never", None)):
        put(first, {"id": {"S": key}} | ({} if expires is None else {"expires": {"N": expires}}))
    # The first one is not closed: a killed process closes nothing.
    second = Tables(file, [KEPT], now=lambda: 2000)
    assert [second.get(KEPT, key) is not None for key in ("old", "new", "never")] == [False, True, True]
    second.close()
    first.close()


def test_a_change_that_fails_leaves_the_item(tmp_path: Path) -> None:
    """The exception reaches the caller; the item is as before."""
    tables = Tables(tmp_path / "dynamodb.sqlite3", [KEPT])
    put(tables, {"id": {"S": "a"}})

    def fail(before: object) -> None:
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        tables.change(KEPT, "a", fail)
    assert tables.get(KEPT, "a") == {"id": {"S": "a"}}
    tables.close()
