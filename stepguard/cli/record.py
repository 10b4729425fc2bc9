"""`stepguard record EXECUTION`: write a regression test from an execution.

Three files: the case (request and expected result), a MockConfigFile.json of Step Functions Local with every task's
result, and a pytest module that runs both: the definition with the mocked results, and, for an execution that
succeeded, the request on the embedded AWS with the current guardrails. The JSON contains people's texts, the Python
never does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

from stepguard.cli.commands import Commands, add_command, add_timeout, in_session
from stepguard.guard.bedrock_names import PII_TYPES
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.stages import STAGES
from stepguard.recording.placeholders import Replacements
from stepguard.recording.testcase import expectation, mock_config
from stepguard.session.chat import find, wait
from stepguard.session.embedded import MACHINES
from stepguard.session.model import Session
from stepguard.trace import Trace, masked, outcome_of, read_history
from stepguard.trace.diff import mapping, masked_texts
from stepguard.trace.evidence import no_answer_of
from stepguard.trace.model import parsed
from stepguard.trace.replay import replayed

SETTINGS = ("LLM_API", "LLM_MODEL_ID")

_TEST = '''"""Recorded by `stepguard record`: {title}."""

from __future__ import annotations

from pathlib import Path

from stepguard.recording.contract import Recorded

CASE = Recorded(Path(__file__).with_name("{name}.json"))


def test_the_definition_takes_the_recorded_path(tmp_path: Path) -> None:
    """With the recorded task results, the current state machine takes the same path to the same answer."""
    assert CASE.with_mocks(tmp_path) == []
'''
_LIVE = '''

def test_the_guardrails_decide_as_recorded(tmp_path: Path) -> None:
    """On the embedded AWS with the current guardrails, the same request takes the same path to the same answer."""
    assert CASE.in_the_embedded_cloud(tmp_path) == []
'''


def add_parser(commands: Commands) -> None:
    """Add `stepguard record`."""
    parser = add_command(commands, "record", in_session(run))
    parser.add_argument("execution", help="an execution's ARN or name")
    parser.add_argument(
        "--out", type=Path, default=Path("tests/recorded"), metavar="DIR", help="default tests/recorded"
    )
    parser.add_argument("--name", help="the test's name; default from what happened")
    parser.add_argument("--keep-personal-data", action="store_true", help="write the texts unmasked")
    add_timeout(parser)


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Write the test. Returns the exit code. Raises InvalidRequest if the execution cannot be recorded."""
    executions = session.executions
    arn = find(executions, arguments.execution)
    execution = executions.describe(arn)
    if not execution.finished:
        raise InvalidRequest("The execution is still running; record it when it has ended.")
    trace = read_history(executions.history(arn))
    name = _name(arguments.name, trace)
    replace = Replacements() if arguments.keep_personal_data else _replacements(trace)
    live = execution.status == "SUCCEEDED"
    request = replace.value(replayed(execution.input, "recorded"))
    expected = expectation(trace, replace)
    if live and len(replace):
        # With other words in the question a model may answer differently: record its answer to the new question.
        again = executions.start(f"record-{uuid4().hex}", request)
        wait(executions, again, arguments.timeout)
        trace = read_history(executions.history(again))
        replaced = expectation(trace, Replacements())
        if replaced["path"] != expected["path"] or replaced["outcome"] != expected["outcome"]:
            raise InvalidRequest(
                f"With its personal data replaced the execution ends {replaced['outcome']}, not {expected['outcome']}: "
                "no file was written. --keep-personal-data records the original question."
            )
        expected = replaced
    settings = {key: os.environ[key] for key in SETTINGS if key in os.environ}
    case = {"name": name, "live": live, "settings": settings, "input": request, "expected": expected}
    files = {
        f"{name}.json": _json(case),
        f"{name}.mocks.json": _json(mock_config(trace, MACHINES[0], name, replace)),
        f"test_{name}.py": _TEST.format(name=name, title=name.replace("_", " ")) + (_LIVE if live else ""),
    }
    _write(arguments.out, files)
    for file in files:
        print(arguments.out / file)
    print(f"{len(replace)} values of personal data replaced. Try it: .venv/bin/python -m pytest {arguments.out}")
    return 0


def _replacements(trace: Trace) -> Replacements:
    """What the guardrails masked, and what the offline detectors find in the texts of the history."""
    from embedded_aws.bedrock.detectors import pii

    replace = Replacements()
    for visit in trace.visits:
        for value, kind in masked_texts(masked(visit)).items():
            replace.add(value, kind)
    for text in _texts(trace):
        for span in pii.find(text, PII_TYPES):
            replace.add(text[span.start : span.end], span.label)
    return replace


def _texts(trace: Trace) -> list[str]:
    document = mapping(parsed(trace.output) or parsed(trace.input))
    request = mapping(document.get("request") or mapping(parsed(trace.input)).get("request"))
    texts = [request.get(key) for key in ("text", "query", "completion")]
    texts += [mapping(item).get("text") for item in request.get("passages") or ()]
    texts += [mapping(document.get(key)).get("text") for key in (*(stage.key for stage in STAGES), "answer")]
    texts += [no_answer_of(visit).get("said") for visit in trace.visits]
    return [text for text in texts if isinstance(text, str)]


def _name(choice: str | None, trace: Trace) -> str:
    if choice is not None:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", choice):
            raise InvalidRequest("--name takes small letters, digits and underscores, a letter first.")
        return choice
    acted = [item["name"] for visit in trace.visits for item in visit.findings if item["action"] != "NONE"]
    last = trace.path[-1] if trace.path else "nothing"
    words = "_".join([outcome_of(trace), *dict.fromkeys(acted), last]).lower()
    # The same question is the same test; a different question gets its own test, even with the same result.
    request = json.dumps(mapping(parsed(trace.input)).get("request"), sort_keys=True)
    mark = hashlib.sha256(request.encode()).hexdigest()[:8]
    return re.sub(r"[^a-z0-9]+", "_", words)[:50].strip("_") + f"_{mark}"


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=True) + "\n"


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{folder}: {error.strerror or 'cannot be written'}.") from None
