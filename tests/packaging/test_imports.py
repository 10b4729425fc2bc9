"""The zip runs alone, as Lambda unpacks it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.conftest import Built

RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
"""boto3 and what it stands on: all that Lambda's Python runtime adds to the standard library."""

PROGRAM = """
import importlib, json, sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
for handler in json.loads(sys.argv[3]):
    module, _, attribute = handler.partition(".")
    assert callable(getattr(importlib.import_module(module), attribute)), handler
import app, functions
health = {
    "requestContext": {"httpMethod": "GET", "resourcePath": "/health"}, "headers": {}, "body": None,
    "multiValueQueryStringParameters": None, "pathParameters": None, "stageVariables": None, "isBase64Encoded": False,
}
document = {"request": {"kind": "document", "text": "hello", "caller": "test"}}
print(json.dumps({
    "files": [app.__file__, functions.__file__],
    "health": app.app(health, None),
    "guard": app.guard_input_lambda(document, None),
}))
"""


@pytest.fixture(scope="module")
def unpacked(built: Built, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The unpacked zip, and a folder with nothing but boto3 and what it stands on."""
    task, runtime = tmp_path_factory.mktemp("task"), tmp_path_factory.mktemp("runtime")
    with zipfile.ZipFile(built.root / built.package.archive) as archive:
        archive.extractall(task)
    for name in RUNTIME_PACKAGES:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (runtime / source.name).symlink_to(source)
    return task, runtime


@pytest.fixture(scope="module")
def ran(built: Built, unpacked: tuple[Path, Path]) -> dict[str, Any]:
    """What the unpacked zip did in a Python that sees nothing but boto3 and the zip."""
    task, runtime = unpacked
    handlers = [item["Handler"] for item in built.resources("AWS::Serverless::Function").values()]
    result = subprocess.run(
        # -I -S: no current folder, no environment, no site-packages
        [sys.executable, "-I", "-S", "-B", "-c", PROGRAM, str(task), str(runtime), json.dumps(handlers)],
        capture_output=True,
        text=True,
        check=False,
        env={
            "AWS_DEFAULT_REGION": "us-east-1",
            "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:x",
            "UNGUARDED": "yes",
        },
    )
    assert result.returncode == 0, result.stderr
    *_, last = result.stdout.splitlines()  # the lines before are the log
    reply: dict[str, Any] = json.loads(last)
    assert all(Path(file).is_relative_to(task) for file in reply["files"])
    return reply


def test_every_handler_of_the_template_is_in_the_zip(built: Built, ran: dict[str, Any]) -> None:
    """Each Lambda's handler is found and callable with boto3 and the zip alone."""
    handlers = {name: item["Handler"] for name, item in built.resources("AWS::Serverless::Function").items()}
    assert handlers == {
        "APIHandler": "app.app",
        "GuardInput": "app.guard_input_lambda",
        "FindAnswer": "app.find_answer_lambda",
        "RetrievePassages": "app.retrieve_passages_lambda",
        "RewriteQuestion": "app.rewrite_question_lambda",
        "GuardRewrite": "app.guard_rewrite_lambda",
        "GuardPassages": "app.guard_passages_lambda",
        "InvokeModel": "app.invoke_model_lambda",
        "GuardAnswer": "app.guard_answer_lambda",
        "PrepareCorpus": "app.prepare_corpus_lambda",
        "SummarizeCorpus": "app.summarize_corpus_lambda",
        "Stream": "app.stream_lambda",
        "NotifyListener": "app.notify_listener_lambda",
        "JudgeShadow": "app.judge_shadow_lambda",
        "SelectReview": "app.select_review_lambda",
        "ExportTrace": "app.export_trace_lambda",
    }
    assert ran["files"]


def test_a_stage_runs_from_the_zip(ran: dict[str, Any]) -> None:
    """With no guardrail configured the input stage says that it was skipped."""
    assert ran["guard"]["outcome"] == "skipped"
    assert ran["guard"]["needs_model"] is False


def test_the_api_runs_from_the_zip(ran: dict[str, Any]) -> None:
    """Chalice's runtime in the zip answers API Gateway's event."""
    assert ran["health"]["statusCode"] == 200
    assert json.loads(ran["health"]["body"])["status"] == "ok"


COLD = """
import importlib, json, sys, time
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import boto3, botocore.session, botocore.config, botocore.exceptions, chalice.app
import argparse, inspect
source = inspect.getsource(argparse)
before = time.process_time()
compile(source, "argparse", "exec")
unit = time.process_time() - before
before = time.process_time()
module, _, attribute = sys.argv[3].partition(".")
assert callable(getattr(importlib.import_module(module), attribute))
own = time.process_time() - before
print(json.dumps({"ratio": own / unit, "modules": sorted(sys.modules)}))
"""


def cold(unpacked: tuple[Path, Path]) -> dict[str, Any]:
    """One cold start: CPU time of importing app beyond boto3 and Chalice, as a multiple of compiling argparse; modules.

    Uncompiled (-B), as in Lambda: the zip holds no compiled files, and its folder there cannot be written.
    """
    task, runtime = unpacked
    command = [sys.executable, "-I", "-S", "-B", "-c", COLD, str(task), str(runtime), "app.app"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    reply: dict[str, Any] = json.loads(result.stdout)
    return reply


def test_a_cold_import_of_our_own_modules_takes_at_most_four_times_as_long_as_compiling_argparse(
    unpacked: tuple[Path, Path],
) -> None:
    """The best of ten, in CPU time: about 50 ms where argparse takes 12.5. Chalice, half of a cold start, is not in it.

    A ratio, because milliseconds depend on what else the machine does.
    """
    assert min(cold(unpacked)["ratio"] for _ in range(10)) < 4


def test_a_cold_start_imports_nothing_of_operators_and_evaluations(unpacked: tuple[Path, Path]) -> None:
    """A chat does not wait for modules that only other routes need; what it needs itself is there."""
    modules = set(cold(unpacked)["modules"])
    assert "functions.chat_api" in modules
    assert not {name for name in modules if name.startswith("stepguard.trace")}
    assert not modules & {
        "stepguard.aws.evaluations",
        "stepguard.evaluation.scorecard",
        "functions.evaluations_api",
        "functions.executions_api",
        "functions.prepare_corpus",
        "functions.summarize_corpus",
    }
