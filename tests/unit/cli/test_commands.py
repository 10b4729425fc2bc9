"""The table of commands: each has a module that adds its parser, and help that loads nothing heavy."""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib import import_module

import pytest

from stepguard.cli.commands import COMMANDS, read_port, read_seconds, whole_number
from stepguard.cli.main import main
from stepguard.cli.render import guardrails_used


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_prints_its_own_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: stepguard {name} ")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_module_adds_exactly_its_command(name: str) -> None:
    commands = argparse.ArgumentParser().add_subparsers()
    import_module(f"stepguard.cli.{COMMANDS[name][0]}").add_parser(commands)
    assert list(commands.choices) == [name]


@pytest.mark.process
def test_the_list_of_commands_loads_neither_the_sdk_nor_the_embedded_aws() -> None:
    code = (
        "import sys\nfrom stepguard.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'boto3', 'botocore', 'embedded_aws'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "[]"
    assert set(COMMANDS) <= set(printed.split())


@pytest.mark.parametrize("text", ["0", "11", "-1", "1.5", "", "x"])
def test_a_whole_number_is_within_its_range(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="1 to 10"):
        whole_number(10)(text)
    assert whole_number(10)("10") == 10


@pytest.mark.parametrize("text", ["nan", "-1", "inf", "x"])
def test_a_time_is_a_number_of_seconds(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        read_seconds(text)


@pytest.mark.parametrize("text", ["65536", "-1", "x"])
def test_a_port_has_sixteen_bits(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        read_port(text)


def test_a_comparison_claims_the_same_versions_only_if_both_are_known() -> None:
    """A stage that one of the two did not reach proves nothing about its guardrail."""
    ref = {"id": "g", "version": "1", "name": "ours"}
    row = {"layer": "preprocess", "state": "GuardInput", "used": [ref, ref], "same": True}

    assert guardrails_used([row]) == [
        "Guardrails: the same versions in both.",
        "  preprocess   ours (g) v1",
    ]
    assert guardrails_used([{**row, "used": [ref, None]}]) == ["Guardrails", "  preprocess   ours (g) v1 (only in A)"]
    newer = {**ref, "version": "2"}
    assert guardrails_used([{**row, "used": [ref, newer], "same": False}]) == [
        "Guardrails",
        "  preprocess   ours (g) v1 → ours (g) v2",
    ]
    assert guardrails_used([]) == ["Guardrails: the histories name none."]
