"""Model files inside packages: what is missing is named, with what to do."""

from __future__ import annotations

from typing import Never

import pytest

from embedded_aws.bedrock.guardrail import Guardrail
from embedded_aws.bedrock.judge.evaluation import Block, Scope
from embedded_aws.bedrock.judge.judge import LocalJudge
from embedded_aws.bedrock.packages import PackageMissingError, packaged_file
from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.bedrock.fakes import FakeDetection
from tests.unit.embedded_aws.bedrock.test_workers import MESSAGES, NOW


def test_a_file_of_a_package_is_found_without_importing_it() -> None:
    """The path is that of the installed file."""
    assert packaged_file("json", "decoder.py", "").is_file()


def test_a_missing_package_is_named_with_the_remedy() -> None:
    """The message names the package and how to install it."""
    with pytest.raises(PackageMissingError, match="package no_such_package is not installed; pip install it"):
        packaged_file("no_such_package", "model.onnx", "pip install it")


def test_a_missing_file_asks_to_reinstall_the_package() -> None:
    """A package that lacks its file is broken."""
    with pytest.raises(PackageMissingError, match=r"model\.onnx is missing; reinstall the package json"):
        packaged_file("json", "model.onnx", "")


class Bare(FakeDetection):
    """Detectors whose model was not installed."""

    def profanity(self, text: str) -> Never:
        raise PackageMissingError("the package words is not installed; run `make setup`")


def test_a_guardrail_without_its_model_fails_closed_and_says_why() -> None:
    """Text never passes because a detector could not be loaded."""
    policy = {"managedWordListsConfig": [{"type": "PROFANITY"}]}
    guardrail = Guardrail("g", "arn:g", "1", 0, {**MESSAGES, "wordPolicyConfig": policy}, NOW, NOW)
    with pytest.raises(ServiceError, match="package words is not installed; run `make setup`") as caught:
        LocalJudge(Bare())(guardrail, "INPUT", [Block("text")], Scope())
    assert caught.value.status == 503
