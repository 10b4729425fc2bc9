"""bench.outside finds other people's definitions wherever they are, and reports those that are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.outside import clients, definitions, moto_tests

GOOD = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "${FunctionArn}", "End": True}}}
TEMPLATE = """
Resources:
  Machine:
    Properties:
      Definition:
        StartAt: A
        States:
          A: {Type: Wait, Seconds: "${Delay}", Next: B}
          B: {Type: Task, Resource: !GetAtt Function.Arn, End: true}
"""


def test_definitions_are_found_and_refused_ones_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In JSON, YAML templates with CloudFormation's functions, text members and Markdown."""
    (tmp_path / "good.json").write_text(json.dumps(GOOD))
    (tmp_path / "text.json").write_text(json.dumps({"Resources": {"M": {"DefinitionString": json.dumps(GOOD)}}}))
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    bad = {"StartAt": "A", "States": {"A": {"Type": "Pass"}}}
    (tmp_path / "README.md").write_text(f"```json\n{json.dumps(bad)}\n```\n")
    (tmp_path / "invalid.json").write_text(json.dumps(bad))
    (tmp_path / "schema.json").write_text(json.dumps({"StartAt": {"type": "string"}, "States": {}}))
    assert definitions.report(tmp_path, invalid=False) == "4 definitions, 1 refused"
    assert "README.md: SCHEMA_VALIDATION_FAILED" in capsys.readouterr().out
    assert definitions.report(tmp_path, invalid=True) == "5 definitions, 2 refused"


def test_a_folder_without_tests_and_clients_says_so(tmp_path: Path) -> None:
    """Nothing is started."""
    assert moto_tests.report(tmp_path) == "moto's tests: none in the folder"
    assert clients.report(tmp_path) == "clients: no clients.json in the folder"
