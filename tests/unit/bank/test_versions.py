"""Versions of the bank in S3, and FindAnswer, which asks the one in use."""

from __future__ import annotations

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.find_answer import find_answer
from stepguard.admin.answers import publishing
from stepguard.aws.bank import versions
from stepguard.aws.bank.versions import AnswerBank, bank_at
from stepguard.aws.objects import Objects
from stepguard.guard.errors import AccessDenied, ConfigurationError
from tests.unit.bank.texts import PARKING, VISITS, bank, embed

REQUEST = {"kind": "prompt", "text": "x", "caller": "me"}


def asked(text: str) -> dict[str, Any]:
    """FindAnswer's event for a question as the input layer left it."""
    return {"document": {"request": REQUEST, "input_guard": {"text": text}}}


EVENT = asked("what are the VISITING hours")


class Bucket:
    """S3 in memory; a role without `reads` may list only."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.reads = True
        self.lists = True
        self.calls: list[str] = []

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self.calls.append(f"get {Key}")
        if not self.reads or (Key not in self.held and not self.lists):
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")
        if Key not in self.held:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.held[Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803
        self.calls.append(f"put {Key}")
        self.held[Key] = Body

    def get_paginator(self, operation: str) -> Bucket:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803
        return [{"Contents": [{"Key": key} for key in sorted(self.held) if key.startswith(Prefix)]}]


@pytest.fixture(name="bucket")
def _bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setattr(versions, "embed", lambda text: (embed(text), 3))
    return Bucket()


def _place(bucket: Bucket) -> AnswerBank:
    place = bank_at("s3://answers/here")
    place.objects = Objects(bucket)
    return place


def test_a_version_is_stored_once_and_the_pointer_chooses(bucket: Bucket) -> None:
    """The same content is the same version; an older one can be used again."""
    place = _place(bucket)
    first, new = publishing.publish(bank(VISITS), place)
    assert new
    assert publishing.publish(bank(VISITS), place) == (first, False)
    second, _ = publishing.publish(bank(VISITS, PARKING), place)
    assert place.current() == second
    assert sorted(place.versions()) == sorted([first, second])
    assert sum(call.startswith("put here/versions/") for call in bucket.calls) == 2
    place.use(first)
    assert place.version(str(place.current())).items == (VISITS,)


def test_the_curated_answer_and_how_it_was_found(bucket: Bucket) -> None:
    """The document holds the text once, and the version that it is from."""
    place = _place(bucket)
    version, _ = publishing.publish(bank(VISITS, PARKING), place)
    found = find_answer(EVENT, place)
    assert (found["matched"], found["text"], found["outcome"]) == (True, "From 14:00.", "passed")
    assert found["item"] == {
        "qid": "Visits", "topic": "visits", "language": "en", "exact": True, "score": 1.0, "runner_up": None,
        "dont_know": "", "version": version,
    }  # fmt: skip
    other = find_answer(asked("Tell me about the moon"), place)
    assert (other["matched"], other["text"], other["item"]["dont_know"]) == (False, "", "Please call us.")


def test_a_version_is_read_once_until_another_is_published(bucket: Bucket) -> None:
    """Each question reads the pointer only, which is small."""
    place = _place(bucket)
    publishing.publish(bank(VISITS), place)
    bucket.calls.clear()
    find_answer(EVENT, place)
    find_answer(EVENT, place)
    assert [call.split("/")[1] for call in bucket.calls] == ["current.json", "versions", "current.json"]
    publishing.publish(bank(PARKING), _place(bucket))
    assert not find_answer(EVENT, place)["matched"]


def test_without_a_bank_the_part_is_skipped(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """No address, or nothing published, also where S3 hides that the object is missing."""
    monkeypatch.delenv("ANSWER_BANK", raising=False)
    place = _place(bucket)
    for given in (None, place):
        found = find_answer(EVENT, given)
        assert (found["outcome"], found["matched"], found["item"]) == ("skipped", False, None)
    bucket.lists = False
    assert find_answer(EVENT, place)["outcome"] == "skipped"


def test_a_bank_that_may_not_be_read_is_an_error(bucket: Bucket) -> None:
    """Else every question would go on to the model, unnoticed."""
    place = _place(bucket)
    publishing.publish(bank(VISITS), place)
    bucket.reads = False
    with pytest.raises(AccessDenied, match=r"current\.json"):
        find_answer(EVENT, place)


def test_a_changed_version_and_a_wrong_pointer_are_refused(bucket: Bucket) -> None:
    """A version is named by its content."""
    place = _place(bucket)
    version, _ = publishing.publish(bank(VISITS), place)
    key = f"here/versions/{version}.json"
    bucket.held[key] = bucket.held[key].replace(b"14:00", b"99:00")
    with pytest.raises(ConfigurationError, match="was changed"):
        find_answer(EVENT, place)
    for pointer in (b"{}", b"x", b'{"version": "../other"}', b'{"version": 3}'):
        bucket.held["here/current.json"] = pointer
        with pytest.raises(ConfigurationError, match=r"current\.json"):
            find_answer(EVENT, place)


def test_a_bank_of_another_embedder_is_refused(bucket: Bucket) -> None:
    """By the name that it stores."""
    place = _place(bucket)
    publishing.publish(bank(VISITS, embedder="cohere.embed-v4:0"), place)
    with pytest.raises(ConfigurationError, match="cohere"):
        find_answer(EVENT, place)
