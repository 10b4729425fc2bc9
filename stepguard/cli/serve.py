"""`stepguard serve`: the embedded AWS for every AWS client on this machine."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from stepguard.cli.commands import Commands, add_command, add_home, read_port
from stepguard.guard.errors import InvalidRequest
from stepguard.session.model import Session

MOCKS = "SFN_MOCK_CONFIG"
"""The variable of Step Functions Local, which the embedded AWS reads too."""


def add_parser(commands: Commands) -> None:
    """Add `stepguard serve`."""
    parser = add_command(commands, "serve", _run, session_options=False)
    parser.add_argument("--port", type=read_port, default=4566, help="default 4566; 0 takes any free one")
    parser.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1")
    parser.add_argument(
        "--quotas",
        metavar="default|FACTOR|FILE",
        help="throttle like AWS: its default quotas, a factor of them such as 0.1, or a JSON file of buckets",
    )
    parser.add_argument("--aws", action="store_true", help="the page on your AWS account, with your own credentials")
    parser.add_argument("--endpoint-url", metavar="URL", help="with --aws: use another AWS endpoint")
    parser.add_argument("--state-machine", metavar="ARN", help="with --aws; default STATE_MACHINE_ARN")
    parser.add_argument("--moto-api", action="store_true", help="also serve moto's control interface, /moto-api/")
    parser.add_argument(
        "--mock",
        type=Path,
        metavar="FILE",
        help="MockConfigFile.json: start STATE_MACHINE_ARN#CASE to run a case of it",
    )
    add_home(parser)


EXAMPLE = "statemachine/mocks/chat.json"
"""The cases that come with the state machines."""


def _run(arguments: argparse.Namespace) -> int:
    if arguments.aws:
        if arguments.mock is not None:
            raise InvalidRequest("--mock is for the embedded AWS: AWS runs no mocked cases.")
        from stepguard.session.account import served

        machine = arguments.state_machine
        with served(arguments.host, arguments.port, arguments.endpoint_url, machine) as session:
            return run(arguments, session)
    from stepguard.session.embedded import embedded
    from stepguard.session.model import home_of
    from stepguard.session.quotas import read_rates

    rates = read_rates(arguments.quotas) if arguments.quotas else None
    if arguments.mock is not None:
        check_mocks(arguments.mock)
        os.environ[MOCKS] = str(arguments.mock.resolve())
    home, moto_api = home_of(arguments.home), arguments.moto_api
    with embedded(
        home, host=arguments.host, port=arguments.port, serve=True, moto_api=moto_api, rates=rates, judges=True
    ) as session:
        return run(arguments, session)


def check_mocks(file: Path) -> None:
    """Raise InvalidRequest if the file is no mock configuration, or has cases of other state machines."""
    from embedded_aws.states.interpret.mock_config import MockConfig
    from stepguard.session.embedded import MACHINES

    if not file.is_file():
        raise InvalidRequest(f"--mock {file}: there is no such file. `stepguard eject statemachine` writes {EXAMPLE}.")
    try:
        found = MockConfig(file).machines
    except ValueError as error:
        raise InvalidRequest(f"{error}.") from None
    if unknown := sorted(found - set(MACHINES)):
        raise InvalidRequest(
            f"{file} has cases of {', '.join(unknown)}; the state machines here are {', '.join(MACHINES)}."
        )


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Serve until interrupted. Returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if arguments.aws:
        addresses = f"the page:        {session.url}/ui/\n  state machine:   {session.executions.state_machine_arn}"
        print(f"stepguard listens at {session.url}\n  {addresses}\nCtrl-C stops it.", file=sys.stderr, flush=True)
        stop.wait()
        return 0
    print(
        f"stepguard's embedded AWS listens at {session.url}\n"
        f"  the page:        {session.url}/ui/\n"
        f"  any AWS client:  AWS_ENDPOINT_URL={session.url}\n"
        f"  the chat API:    curl -s {session.url}/chat -H 'Content-Type: application/json' "
        '-d \'{"question": "What are some of the causes for Diabetes?"}\'\n'
        f"  state machine:   {session.executions.state_machine_arn}\n"
        "Ctrl-C stops it.",
        file=sys.stderr,
        flush=True,
    )
    if session.cloud is not None:
        session.cloud.warm_up()
    stop.wait()
    return 0
