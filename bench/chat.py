"""What HTTP and the API's Lambda add to the time of an execution, on the embedded AWS with the echo model.

    python -m bench.chat [--chats 200]

Every question is asked of two servers in turn, in one run: `stepguard serve`, and `chalice local` with the same app.py,
table and state machine. The time of the execution alone is that of its history, from its start to its end, so each
question is compared with its own execution.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

from bench.servers import NotMeasuredError, Running, answers, started, stepguard

PREFIX = "arn:aws:states:us-east-1:000000000000:stateMachine:stepguard-local"
CASES = {
    "answered": "Which vitamins are in an orange?",
    "blocked by the input layer": "My card is 4111 1111 1111 1111.",
}
WARM = 10
_CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"


@contextmanager
def chalice(server: Running) -> Iterator[Running]:
    """`chalice local` with app.py in front of the same embedded AWS."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "STATE_MACHINE_ARN": f"{PREFIX}-chat",
        "ANSWER_TABLE": "stepguard-local-answers",
        "UNGUARDED": "yes",  # the API's own settings; the state machine's Lambdas have theirs
    }
    command = [sys.executable, "-c", _CHALICE, "local", "--port", str(port), "--stage", "dev", "--no-autoreload"]
    with started(command, variables, None) as (process, log):
        url = f"http://127.0.0.1:{port}"
        answers(process, log, f"{url}/health")
        yield Running(url, process.pid)


class Client:
    """One connection that stays open, as a service's client has."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)

    def ask(self, question: str) -> tuple[float, str]:
        """Milliseconds until the answer is read, and the execution."""
        body = json.dumps({"question": question})
        begun = time.perf_counter()
        self._connection.request("POST", "/chat", body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        content = response.read()
        milliseconds = (time.perf_counter() - begun) * 1000
        if response.status != 200:
            raise NotMeasuredError(f"POST /chat answered {response.status}: {content[:300].decode(errors='replace')}")
        return milliseconds, str(json.loads(content)["execution"])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def measure(servers: dict[str, Running], question: str, chats: int, states: Any) -> dict[str, dict[str, float]]:
    """The percentiles of each server: the execution alone, the chat, and the difference of each pair."""
    clients = {name: Client(server.url) for name, server in servers.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    for number in range(WARM + chats):
        for name, client in clients.items():
            milliseconds, execution = client.ask(question)
            if number >= WARM:
                times[name].append((alone(states, execution), milliseconds))
    for client in clients.values():
        client.close()
    return {name: summary(pairs) for name, pairs in times.items()}


def alone(states: Any, execution: str) -> float:
    """The milliseconds from an execution's start to its end, which can be later than its answer."""
    while True:
        described = states.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return float((described["stopDate"] - described["startDate"]).total_seconds() * 1000)
        time.sleep(0.002)


def summary(pairs: list[tuple[float, float]]) -> dict[str, float]:
    """Median and 95th percentile of both times and of their difference."""
    columns = {
        "execution": [execution for execution, _ in pairs],
        "chat": [chat for _, chat in pairs],
        "added": [chat - execution for execution, chat in pairs],
    }
    found: dict[str, float] = {}
    for name, values in columns.items():
        ordered = statistics.quantiles(values, n=100, method="inclusive")
        found |= {f"{name} p50": round(ordered[49], 1), f"{name} p95": round(ordered[94], 1)}
    return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chats", type=int, default=200, help="questions of each kind to each server, default 200")
    chats = parser.parse_args().chats
    with stepguard() as server, chalice(server) as local, closing(server.client("stepfunctions")) as states:
        for case, question in CASES.items():
            print(f"{case}, {chats} questions to each, milliseconds:")
            measured = measure({"stepguard serve": server, "chalice local": local}, question, chats, states)
            for name, figures in measured.items():
                print(f"  {name}: " + ", ".join(f"{key} {value}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
