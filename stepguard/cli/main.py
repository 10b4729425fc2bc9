"""The `stepguard` command. Exit codes: 0 answered or blocked, 2 bad usage or input, 1 failure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from stepguard.cli import options
from stepguard.cli.streams import finish_output, open_streams
from stepguard.guard.errors import ConfigurationError, Conflict, InvalidRequest, StepguardError, UnknownExecution

Command = Callable[[argparse.Namespace], int]
BAD_INPUT = (InvalidRequest, ConfigurationError, UnknownExecution, Conflict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code; usage errors exit with 2 by argparse."""
    open_streams()
    chosen = _parser().parse_args(arguments)
    try:
        code = int(chosen.run(chosen))
        sys.stdout.flush()
        return code
    except BAD_INPUT as error:
        print(f"stepguard: {error}", file=sys.stderr)
        return 2
    except StepguardError as error:
        print(f"stepguard: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `stepguard ... | head`: nobody reads any more
        finish_output()
        return 1
    except OSError as error:
        finish_output()
        print(f"stepguard: {_told(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        finish_output()
        return 130
    except Exception as error:
        if not isinstance(error, _cloud_errors()):
            raise
        print(f"stepguard: {error}", file=sys.stderr)
        return 1


def _cloud_errors() -> tuple[type[Exception], ...]:
    from embedded_aws.cloud import FolderInUseError, StateFolderError

    return (FolderInUseError, StateFolderError)


def _told(error: OSError) -> str:
    return ": ".join(str(part) for part in (error.filename, error.strerror or type(error).__name__) if part)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stepguard", description="Three guard layers around a large language model.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    chat = _command(commands, "chat", "ask a question, or talk when none is given", _in_session("chat"))
    chat.add_argument("question", nargs="?", help="the question; - reads it from the standard input")
    chat.add_argument("--passages", type=Path, metavar="FILE", help="texts to answer from: .json, .jsonl or plain text")
    _timeout(chat)

    history = _command(commands, "history", "show why an answer is what it is, or list executions", _history)
    options.history(history)
    replay = _command(commands, "replay", "ask again: what today's guardrails would change", _in_session("replay"))
    replay.add_argument("execution", help="an execution's ARN or name")
    options.redact(replay)
    _timeout(replay)
    record = _command(commands, "record", "turn an execution into a regression test", _in_session("record"))
    options.record(record)
    _timeout(record)

    demo = _command(commands, "demo", "ask the demo's questions and show each path and verdict", _in_session("demo"))
    _timeout(demo)

    _evaluate_command(commands)

    serve = _command(commands, "serve", "serve the embedded cloud to any AWS client", _serve, place=False)
    serve.add_argument("--port", type=_port, default=4566, help="default 4566; 0 takes any free one")
    serve.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1")
    serve.add_argument("--aws", action="store_true", help="the page on your AWS account, with your own credentials")
    serve.add_argument("--endpoint-url", metavar="URL", help="with --aws: use another AWS endpoint")
    serve.add_argument("--state-machine", metavar="ARN", help="with --aws; default STATE_MACHINE_ARN")
    _home(serve)

    _command(commands, "doctor", "say what is configured, reachable, half set", _doctor)
    _guardrail_commands(commands)
    for name, help_ in options.STAGE_COMMANDS.items():
        options.stage(_command(commands, name, help_, _stage(name), place=False), name)
    return parser


def _evaluate_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = _command(commands, "evaluate", "run a corpus through the workflow and score it", _evaluate)
    evaluate.add_argument(
        "corpus", nargs="?", help="a .jsonl, .csv or .json file (or .gz), a folder of documents, s3://…"
    )
    evaluate.add_argument("--guardrails", type=Path, metavar="DIR", help="guardrails to evaluate: a folder, or a file")
    evaluate.add_argument("--out", metavar="DIR", help="where results and report go; default HOME/evaluations/RUN")
    evaluate.add_argument("--sample", type=_natural, metavar="N", help="evaluate N items only")
    evaluate.add_argument("--seed", type=int, default=0, metavar="S", help="chooses the sample; default 0")
    kinds = ("document", "prompt", "response")
    evaluate.add_argument("--kind", choices=kinds, default="document", help="of rows that do not say; default document")
    evaluate.add_argument("--concurrency", type=_natural, metavar="N", help="items at a time; default by the quotas")
    evaluate.add_argument(
        "--tolerate", type=_percentage, default=5.0, metavar="PERCENT", help="failed items; default 5"
    )
    evaluate.add_argument("--fail-under", metavar="METRIC=LIMIT,…", help="exit code 1 under a limit, e.g. recall=0.9")
    evaluate.add_argument("--resume", metavar="RUN", help="go on with a run, or fetch its results again")
    evaluate.add_argument("--compare", nargs=2, metavar=("A", "B"), help="what changed between the folders of two runs")


def _evaluate(arguments: argparse.Namespace) -> int:
    if arguments.compare:
        from stepguard.cli.evaluate import comparison

        return comparison.run(arguments)
    return _in_session("evaluate.command")(arguments)


def _natural(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10**9:
        raise argparse.ArgumentTypeError("must be a whole number above 0")
    return int(text)


def _percentage(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 100:
        raise argparse.ArgumentTypeError("must be a percentage from 0 to 100")
    return share


def _guardrail_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = commands.add_parser("guardrail", help="create, publish, list and try guardrails")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    apply = _command(
        actions, "apply", "create or update from YAML and publish", _in_session("guardrail.command", "apply")
    )
    apply.add_argument("paths", nargs="*", metavar="PATH", help="YAML files or folders; default guardrails/")
    _command(actions, "list", "list the account's guardrails", _in_session("guardrail.command", "list_"))
    show = _command(actions, "show", "show one guardrail", _in_session("guardrail.command", "show"))
    show.add_argument("id", help="identifier or ARN")
    show.add_argument("--version", default="DRAFT")
    test = _command(
        actions, "test", "what the layers decide on a text; no model", _in_session("guardrail.command", "test")
    )
    test.add_argument("text", metavar="TEXT|FILE", help="the text, or a UTF-8 file; - reads the standard input")
    test.add_argument("--id", help="one guardrail instead of the three layers")
    test.add_argument("--version", default="DRAFT", help="with --id; default DRAFT")
    test.add_argument("--source", choices=("INPUT", "OUTPUT"), help="default INPUT; OUTPUT for the answer layer")
    test.add_argument("--scores", action="store_true", help="every policy's score and what each strength would do")
    lint = _command(actions, "lint", "find known mistakes in guardrail files", _guardrail_lint, place=False)
    lint.add_argument("paths", nargs="*", metavar="PATH", help="YAML files or folders; default guardrails/")
    lint.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    help_: str,
    run: Command,
    *,
    place: bool = True,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.")
    command.set_defaults(run=run)
    if place:
        command.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        command.add_argument("--aws", action="store_true", help="use AWS with your own credentials")
        command.add_argument("--endpoint-url", metavar="URL", help="use another AWS endpoint")
        command.add_argument(
            "--state-machine",
            metavar="ARN",
            help="with AWS; default STATE_MACHINE_ARN, for evaluate EVALUATION_STATE_MACHINE_ARN",
        )
        _home(command)
    return command


def _home(command: argparse.ArgumentParser) -> None:
    command.add_argument("--home", metavar="DIR", help="state folder; default STEPGUARD_HOME or .stepguard")


def _timeout(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--timeout", type=_seconds, default=600.0, metavar="SECONDS", help="how long to wait; default 600"
    )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 1e6:  # not a number compares with nothing
        raise argparse.ArgumentTypeError("a time is a number of seconds")
    return seconds


# Commands import what they need when they run: `stepguard --help` must not load a cloud.


RUNNING = frozenset({"chat", "demo", "evaluate.command", "replay"})
"""The commands that run executions, and so take up what a killed process left behind; all others only look."""


def _session(arguments: argparse.Namespace, module: str) -> AbstractContextManager[object]:
    if arguments.aws or arguments.endpoint_url:
        from stepguard.session.account import on_aws

        return on_aws(arguments.endpoint_url, arguments.state_machine)
    from stepguard.session.embedded import embedded
    from stepguard.session.model import home_of

    return embedded(home_of(arguments.home), recover=module in RUNNING)


def _in_session(module: str, function: str = "run") -> Command:
    def run(arguments: argparse.Namespace) -> int:
        from importlib import import_module

        with _session(arguments, module) as session:
            return int(getattr(import_module(f"stepguard.cli.{module}"), function)(arguments, session))

    return run


def _serve(arguments: argparse.Namespace) -> int:
    from stepguard.cli import serve

    if arguments.aws:
        from stepguard.session.account import served

        machine = arguments.state_machine
        with served(arguments.host, arguments.port, arguments.endpoint_url, machine) as place:
            return serve.run(arguments, place)
    from stepguard.session.embedded import embedded
    from stepguard.session.model import home_of

    with embedded(home_of(arguments.home), host=arguments.host, port=arguments.port, serve=True) as place:
        return serve.run(arguments, place)


def _history(arguments: argparse.Namespace) -> int:
    if arguments.file is not None:
        from stepguard.cli import history

        return history.show_file(arguments)
    return _in_session("history")(arguments)


def _guardrail_lint(arguments: argparse.Namespace) -> int:
    from stepguard.cli.guardrail import lint

    return lint.run(arguments)


def _stage(name: str) -> Command:
    def run(arguments: argparse.Namespace) -> int:
        from stepguard.cli import stage

        return int(getattr(stage, name)(arguments))

    return run


def _doctor(arguments: argparse.Namespace) -> int:
    from stepguard.cli import doctor

    return doctor.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
