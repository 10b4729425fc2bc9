"""The table of commands, and the shared options of their parsers.

A command is a module with `add_parser(commands)` and one line in `COMMANDS`. Only the module of the chosen command is
imported, so that `stepguard --help` needs neither the AWS SDK nor the embedded AWS.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from stepguard.session.model import Session


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Run = Callable[[argparse.Namespace], int]
SessionRun: TypeAlias = "Callable[[argparse.Namespace, Session], int]"

COMMANDS = {
    "chat": ("chat.command", "ask a question, or start a conversation without one"),
    "history": ("history", "explain an answer, or list executions"),
    "replay": ("replay", "repeat a request with the deployed or other guardrails and print what changes"),
    "record": ("record", "turn an execution into a regression test"),
    "demo": ("demo.command", "run the demo's questions and show each path and verdict"),
    "evaluate": ("evaluate.command", "run a corpus through the workflow and score it"),
    "report": ("report", "report on recorded chats: questions that got no answer, feedback on answers"),
    "knowledge": ("knowledge.command", "add documents that answers are grounded in, search and remove them"),
    "answers": ("answers.command", "publish, list, compare and test curated answers, which need no model"),
    "shadow": ("shadow.command", "let a candidate guardrail judge a share of the answered questions, and compare"),
    "review": ("review.command", "let people judge answers that a rule selects, and make a corpus of their verdicts"),
    "settings": ("settings.command", "change texts, prompts and sampling without a deployment, and back"),
    "serve": ("serve", "serve the embedded AWS to any AWS client"),
    "doctor": ("doctor.command", "check the installation, the deployment and each guard layer, by trying them"),
    "guardrail": ("guardrail.command", "create, publish, list and test guardrails"),
    "init": ("init", "create a project in a new folder"),
    "eject": ("eject", "copy a part of the application into the project, for editing"),
    "diff": ("diff", "compare the ejected parts with the installed package"),
    "models": ("models", "install the model files of the embedded AWS"),
    "package": ("package", "build the Lambda zip and the CloudFormation template"),
    "deploy": ("stage.deploy", "deploy the project to your AWS account: show the changes, ask, make them"),
    "destroy": ("stage.destroy", "remove a stage: show what goes, ask, remove it"),
    "outputs": ("stage.outputs", "print the outputs of a stage's stack: addresses, ARNs, buckets"),
    "smoke": ("stage.smoke", "send the demo's questions to the deployed API and check the answers"),
    "verify-aws": ("stage.verify_aws", "prove a deployment on an AWS account, step by step, and remove it again"),
}
"""Each command's module below `stepguard.cli`, and its help."""


def add_command(commands: Commands, name: str, run: Run, *, session_options: bool = True) -> argparse.ArgumentParser:
    """Add the parser of a command of the table; `run` returns its exit code."""
    return add_action(commands, name, COMMANDS[name][1], run, session_options=session_options)


def add_action(
    commands: Commands, name: str, text: str, run: Run, *, session_options: bool = True
) -> argparse.ArgumentParser:
    """Add the parser of a command or of an action of a command, with the options that choose the account."""
    command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.set_defaults(run=run)
    if session_options:
        command.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        command.add_argument("--aws", action="store_true", help="use AWS with your own credentials")
        command.add_argument("--endpoint-url", metavar="URL", help="use another AWS endpoint")
        command.add_argument(
            "--state-machine",
            metavar="ARN",
            help="with AWS; default STATE_MACHINE_ARN, for evaluate EVALUATION_STATE_MACHINE_ARN",
        )
        add_home(command)
    return command


def add_home(parser: argparse.ArgumentParser) -> None:
    """Add `--home`."""
    parser.add_argument("--home", metavar="DIR", help="state folder; default STEPGUARD_HOME or .stepguard")


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """Add `--timeout`."""
    parser.add_argument(
        "--timeout", type=read_seconds, default=600.0, metavar="SECONDS", help="how long to wait; default 600"
    )


def add_redact(parser: argparse.ArgumentParser) -> None:
    """Add `--redact`."""
    parser.add_argument("--redact", action="store_true", help="hide every text of people and models")


def in_session(run: SessionRun, *, recover: bool = False, other_machines: bool = False, judges: bool = False) -> Run:
    """A command that gets an open session; `other_machines` if it takes --state-machine on the embedded AWS, too.

    With `recover`, executions that a killed process left unfinished continue: for commands that run executions. A
    command that `judges` texts, as these do, starts the guardrails' worker at once.
    """

    def run_in_session(arguments: argparse.Namespace) -> int:
        with _open_session(arguments, recover, other_machines, judges=judges or recover) as session:
            return run(arguments, session)

    return run_in_session


def _open_session(
    arguments: argparse.Namespace, recover: bool, other_machines: bool, *, judges: bool
) -> AbstractContextManager[Session]:
    if arguments.aws or arguments.endpoint_url:
        from stepguard.session.account import on_aws

        return on_aws(arguments.endpoint_url, arguments.state_machine)
    from stepguard.session.embedded import embedded
    from stepguard.session.model import home_of

    if not other_machines:
        check_one_chat(arguments)
    return embedded(home_of(arguments.home), recover=recover, judges=judges)


def check_one_chat(arguments: argparse.Namespace) -> None:
    """Raise InvalidRequest if --state-machine is given, for a command on the embedded AWS."""
    from stepguard.guard.errors import InvalidRequest

    if arguments.state_machine:
        raise InvalidRequest("--state-machine needs --aws or --endpoint-url: the embedded AWS has one chat.")


def print_notes(session: Session) -> bool:
    """Report on standard error which guardrail files are not in use, and how to use them. Returns whether any are."""
    from stepguard.session.guardrails import notes

    found = notes(session)
    for line in found:
        print(f"stepguard: {line}", file=sys.stderr)
    return bool(found)


def whole_number(maximum: int) -> Callable[[str], int]:
    """A type of arguments: a whole number from 1 to `maximum`."""

    def read(text: str) -> int:
        if not text.isdecimal() or not 0 < int(text) <= maximum:
            raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {maximum}")
        return int(text)

    return read


def read_percentage(text: str) -> float:
    """A type of arguments: a percentage."""
    return _read_number(text, 100, "must be a percentage from 0 to 100")


def read_dollars(text: str) -> float:
    """A type of arguments: US dollars."""
    return _read_number(text, 1e9, "must be a number of US dollars, from 0 upwards")


def read_seconds(text: str) -> float:
    """A type of arguments: a time in seconds."""
    return _read_number(text, 1e6, "a time is a number of seconds")


def read_port(text: str) -> int:
    """A type of arguments: a TCP port, or 0."""
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _read_number(text: str, maximum: float, message: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= maximum:  # false for NaN, too
        raise argparse.ArgumentTypeError(message)
    return number
