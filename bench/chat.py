"""What HTTP and the API's Lambda add to the time of an execution, on the embedded AWS with the echo model.

    python -m bench.chat [--chats 200] [--release FOLDER]

Every question is asked of two servers in turn, in one run: `stepguard serve`, and `chalice local` with the same app.py,
table and state machine. The time of the execution alone is that of its history, from its start to its end, so each
question is compared with its own execution.

With --release the servers are three: `stepguard serve` of the release whose checkout FOLDER is, with its environment in
FOLDER/.venv; that of this tree; and that of this tree with all that runs beside an answer: streaming, a collector of
traces, a candidate guardrail that judges every answer, and changed settings at run time.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.servers import ROOT, NotMeasuredError, Running, answers, started, stepguard

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


@contextmanager
def beside() -> Iterator[Running]:
    """`stepguard serve` of this tree with all that runs beside an answer."""
    collector = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{collector.server_port}"
    variables = {"LLM_STREAMING_ENABLED": "final", "OTEL_EXPORTER_OTLP_ENDPOINT": address}
    try:
        with stepguard(variables=variables) as server, closing(server.client("bedrock")) as bedrock:
            guardrail = bedrock.list_guardrails()["guardrails"][0]["id"]
            layer = f"--layer=preprocess={guardrail}:1"
            for words in (["shadow", "start", layer, "--percent", "100"], ["settings", "set", "EMPTYMESSAGE=Nothing."]):
                command = [sys.executable, "-m", "stepguard", *words, "--endpoint-url", server.url]
                place = {"STATE_MACHINE_ARN": f"{PREFIX}-chat", "AWS_DEFAULT_REGION": "us-east-1"}
                keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
                environment = {**os.environ, **place, **keys}
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
                if done.returncode:
                    raise NotMeasuredError(f"{' '.join(words)}: {done.stderr}")
            yield server
            if not _Collector.received:
                raise NotMeasuredError("The collector got no trace.")
    finally:
        collector.shutdown()
        collector.server_close()


class _Collector(BaseHTTPRequestHandler):
    received = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        _Collector.received += 1
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


def compare_release(folder: Path, chats: int) -> None:
    """Print the times of the release and of this tree, without and with all that runs beside an answer."""
    python = folder / ".venv" / "bin" / "python"
    if not python.exists():
        raise NotMeasuredError(f"{python} does not exist: install the release there.")
    with stepguard(tree=folder, python=python) as old, stepguard() as new, beside() as full:
        servers = {"release": old, "this tree": new, "this tree, all of it on": full}
        for case, question in CASES.items():
            clients = {name: Client(server.url) for name, server in servers.items()}
            times: dict[str, list[float]] = {name: [] for name in servers}
            for number in range(WARM + chats):
                order = list(clients)[number % 3 :] + list(clients)[: number % 3]
                for name in order:
                    milliseconds, _ = clients[name].ask(question)
                    if number >= WARM:
                        times[name].append(milliseconds)
            for client in clients.values():
                client.close()
            print(f"{case}, {chats} questions to each, milliseconds:")
            for name, values in times.items():
                pairs = [now - then for now, then in zip(values, times["release"], strict=True)]
                quartiles = statistics.quantiles(pairs, n=4)
                print(
                    f"  {name}: p50 {statistics.median(values):.1f}, p95 {statistics.quantiles(values, n=20)[-1]:.1f}; "
                    f"pairs with the release: median {quartiles[1]:+.1f}, quartiles {quartiles[0]:+.1f} to "
                    f"{quartiles[2]:+.1f}, {sum(pair > 0 for pair in pairs)} of {len(pairs)} slower"
                )


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
    parser.add_argument("--release", type=Path, metavar="FOLDER", help="the checkout of an earlier release")
    chosen = parser.parse_args()
    chats = chosen.chats
    if chosen.release is not None:
        compare_release(chosen.release, chats)
        return
    with stepguard() as server, chalice(server) as local, closing(server.client("stepfunctions")) as states:
        for case, question in CASES.items():
            print(f"{case}, {chats} questions to each, milliseconds:")
            measured = measure({"stepguard serve": server, "chalice local": local}, question, chats, states)
            for name, figures in measured.items():
                print(f"  {name}: " + ", ".join(f"{key} {value}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
