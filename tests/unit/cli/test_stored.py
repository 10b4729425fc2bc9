"""Corpora in S3: read as local files are, unless PrepareCorpus reads the object itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stepguard.aws.evaluations import Evaluations
from stepguard.aws.objects import Address, Objects
from stepguard.cli.evaluate import cost
from stepguard.cli.evaluate.corpus import LocalCorpus
from stepguard.cli.evaluate.stored import copy_of
from stepguard.evaluation.estimate import EVERY_POLICY, Estimate
from stepguard.evaluation.limits import Limits
from stepguard.guard.errors import InvalidRequest
from stepguard.session.model import Session
from tests.fakes.s3 import S3
from tests.fakes.states import FakeStates

pytestmark = pytest.mark.usefixtures("moto")
DEEPEVAL = b'[{"input": "When?", "actual_output": "At 8.", "expected_output": "at 8", "retrieval_context": ["8"]}]'


def selected(s3: S3, folder: Path, key: str, **options: Any) -> tuple[LocalCorpus | Address, Estimate | None]:
    """What the command makes of an object."""
    given = dict.fromkeys(("kind", "layers", "sample", "map", "label", "encoding")) | {"seed": 0, "strict": False}
    session = Session(FakeStates().executions, evaluations=Evaluations("arn", "bucket", None, Objects(s3)))
    arguments = argparse.Namespace(**given | options)
    return cost.select(arguments, session, Limits(), {"model": EVERY_POLICY}, f"s3://bucket/{key}", folder)


def test_a_format_of_another_tool_is_converted(tmp_path: Path) -> None:
    """It is a local corpus then, with the object's name."""
    corpus, estimate = selected(S3(**{"d.json": DEEPEVAL}), tmp_path, "d.json")
    assert isinstance(corpus, LocalCorpus)
    assert (corpus.name, corpus.items) == ("s3://bucket/d.json", 1)
    assert corpus.intake.format == "DeepEval (JSON array)"
    assert estimate is not None


def test_our_own_rows_stay_where_they_are(tmp_path: Path) -> None:
    """PrepareCorpus reads the object; with a mapping it cannot."""
    s3 = S3(**{"own.jsonl": b'{"text": "a"}\n'})
    assert selected(s3, tmp_path, "own.jsonl")[0] == Address("bucket", "own.jsonl")
    mapped = selected(s3, tmp_path, "own.jsonl", map="prompt=text")[0]
    assert isinstance(mapped, LocalCorpus)


def test_documents_of_a_folder_are_read_by_their_content(tmp_path: Path) -> None:
    """No key is a path here; other objects are bad rows."""
    s3 = S3(**{"f/../a.docx": b"PK\x03\x04broken", "f/b.txt": b"A letter.", "f/c.bin": b"x", "f/.hidden.pdf": b"%PDF-"})
    corpus, _ = selected(s3, tmp_path, "f/")
    assert isinstance(corpus, LocalCorpus)
    assert (corpus.items, len(corpus.bad_rows)) == (1, 2)
    assert all(file.parent == tmp_path for file in tmp_path.rglob("*"))


def test_a_folder_of_texts_is_read_by_prepare_corpus(tmp_path: Path) -> None:
    """Nothing is copied."""
    assert selected(S3(**{"f/b.txt": b"A letter."}), tmp_path, "f/")[0] == Address("bucket", "f/")
    assert not list(tmp_path.iterdir())


def test_an_object_that_only_the_lambda_may_read_has_no_estimate(tmp_path: Path) -> None:
    """Options that need its content are refused."""

    class Refusing(S3):
        def get_object(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "GetObject")

    assert selected(Refusing(), tmp_path, "d.json") == (Address("bucket", "d.json"), None)
    with pytest.raises(InvalidRequest, match="--map"):
        selected(Refusing(), tmp_path, "d.json", map="text=a")


def test_a_copy_has_a_limit(tmp_path: Path) -> None:
    """No more bytes than the corpus may have are copied."""
    s3 = S3(**{"d.json": DEEPEVAL})
    with pytest.raises(InvalidRequest, match="more than 10 bytes"):
        copy_of(Address("bucket", "d.json"), tmp_path, Objects(s3), Limits(bytes=10))
