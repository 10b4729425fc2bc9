"""The `stepguard` command.

Exit codes: 0 answered or blocked, 1 failure, 2 bad usage or input, 3 an evaluation does not keep a limit.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import NoReturn

from stepguard import __version__
from stepguard.cli.commands import COMMANDS
from stepguard.cli.packages import missing_package
from stepguard.cli.streams import finish_output, open_streams
from stepguard.guard.errors import ConfigurationError, Conflict, InvalidRequest, StepguardError, UnknownExecution

BAD_INPUT = (InvalidRequest, ConfigurationError, UnknownExecution, Conflict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code; usage errors exit with 2 by argparse."""
    open_streams()
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        chosen = parser_of(arguments).parse_args(arguments)
        code = int(chosen.run(chosen))
        sys.stdout.flush()
        return code
    except BAD_INPUT as error:
        _print_error(str(error))
        return 2
    except StepguardError as error:
        _print_error(f"{type(error).__name__}: {error}")
        return 1
    except ModuleNotFoundError as error:
        message = missing_package(error)
        if message is None:
            raise
        print(message, file=sys.stderr)
        return 2
    except BrokenPipeError:  # `stepguard ... | head`: the reader has closed the pipe
        finish_output()
        return 1
    except OSError as error:
        finish_output()
        print(f"stepguard: {_describe(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupted:
        finish_output()
        if interrupted.args:
            print(f"stepguard: {interrupted}", file=sys.stderr)
        return 130
    except Exception as error:
        if not isinstance(error, _cloud_errors()):
            raise
        print(f"stepguard: {error}", file=sys.stderr)
        return 1


def _print_error(message: str) -> None:
    """Print an error without control characters: it can name files and causes that other people wrote."""
    from stepguard.cli.render import plain

    print(f"stepguard: {plain(message)}", file=sys.stderr)


def _cloud_errors() -> tuple[type[Exception], ...]:
    from embedded_aws.cloud import FolderInUseError, StateFolderError

    return (FolderInUseError, StateFolderError)


def _describe(error: OSError) -> str:
    return ": ".join(str(part) for part in (error.filename, error.strerror or type(error).__name__) if part)


class _Parser(argparse.ArgumentParser):
    """argparse's parser; an unknown command gets the most similar one, and every usage error the command for help."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the error, exit with code 2."""
        unknown = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)$", message)
        if unknown:
            similar = get_close_matches(unknown[1], re.findall(r"[\w-]+", unknown[2]), 1)
            message += f". Did you mean {similar[0]}?" if similar else ""
        super().error(f"{message}\nHelp: {self.prog} --help")


def parser_of(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the chosen command; the other commands have only their name and help."""
    parser = _Parser(prog="stepguard", description="Three guard layers around a large language model.")
    parser.add_argument("--version", action="version", version=f"stepguard {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, text) in COMMANDS.items():
        if name in arguments[:1]:
            import_module(f"stepguard.cli.{module}").add_parser(commands)
        else:
            commands.add_parser(name, help=text)
    return parser


if __name__ == "__main__":
    sys.exit(main())
