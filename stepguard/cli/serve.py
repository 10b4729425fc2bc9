"""`stepguard serve`: the embedded cloud for every AWS client on this machine."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from stepguard.session.model import Session


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Serve until interrupted. Returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if arguments.aws:
        told = f"the page:        {session.url}/ui/\n  state machine:   {session.executions.state_machine_arn}"
        print(f"stepguard listens at {session.url}\n  {told}\nCtrl-C stops it.", file=sys.stderr, flush=True)
        stop.wait()
        return 0
    print(
        f"stepguard's embedded cloud listens at {session.url}\n"
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
