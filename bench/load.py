"""Load on the chat API of the embedded AWS: is every question answered once, and how soon?

    python -m bench.load [--callers 200] [--chats 2000] [--quotas default|FACTOR|FILE] [--seconds 900]

Each caller asks its next question when it has the answer to the last one. Every question has a client_token, so that a
repeated POST is the same execution. A 202 or a 429 must say how long to wait or be the gateway's own "Too Many
Requests"; anything else that is no answer counts as lost.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bench.servers import Running, stepguard

WAIT_SECONDS = 2
"""How long a POST waits before its 202: the embedded API has places for eight requests at a time."""
LONGEST_PAUSE = 2.0
MACHINE = "stepguard-local-chat"


@dataclass(slots=True)
class Load:
    """What the callers saw. `seconds` has for each answered question, by its number, the time since it was first asked
    and since the API took it."""

    seconds: dict[int, tuple[float, float]] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    replies: Counter[str] = field(default_factory=Counter)
    executions: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    took: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, number: int, seconds: tuple[float, float], body: Mapping[str, Any]) -> None:
        """An answer."""
        with self.lock:
            self.seconds[number] = seconds
            self.outcomes[str(body["answer"]["outcome"])] += 1
            self.executions.append(str(body["execution"]))

    def replied(self, what: str) -> None:
        """Any reply of the API."""
        with self.lock:
            self.replies[what] += 1

    def lose(self, why: str) -> None:
        """A question without an answer."""
        with self.lock:
            self.lost.append(why)

    def quarters(self) -> dict[str, dict[str, float]]:
        """Medians and 95th percentiles of the first and the last quarter of the questions, in seconds.

        `asked` includes the waits of callers that the gateway sent back, `taken` does not.
        """
        count = max(len(self.seconds) // 4, 1)
        in_order = [self.seconds[number] for number in sorted(self.seconds)]
        parts = {"first": in_order[:count], "last": in_order[-count:]}
        return {
            name: {
                f"{since} p{percent}": percentile([entry[index] for entry in part], percent)
                for index, since in enumerate(("asked", "taken"))
                for percent in (50, 95)
            }
            for name, part in parts.items()
        }


def percentile(values: list[float], percent: int) -> float:
    """A percentile of some values."""
    if len(values) < 2:
        return round(sum(values), 3)
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 3)


def run(url: str, callers: int, chats: int, seconds: float) -> Load:
    """Ask `chats` questions from `callers` threads; give up after `seconds`."""
    load = Load()
    numbers = iter(range(chats))
    taking = threading.Lock()
    started = time.monotonic()
    until = started + seconds

    def work() -> None:
        with closing(_Connection(url)) as connection:
            while True:
                with taking:
                    number = next(numbers, None)
                if number is None:
                    return
                _ask(connection, number, load, until)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=max(0.0, until + 60 - time.monotonic()))
    load.took = time.monotonic() - started
    return load


def question(number: int) -> str:
    """Every second question is blocked by the input layer."""
    return f"Which vitamins are in orange {number}?" if number % 2 else f"My card {number} is 4111 1111 1111 1111."


def _ask(connection: _Connection, number: int, load: Load, until: float) -> None:
    begun = time.monotonic()
    taken: float | None = None
    path = "/chat"
    body: dict[str, Any] | None = {
        "question": question(number),
        "client_token": f"load-{number}",
        "wait_seconds": WAIT_SECONDS,
    }
    for pause in _pauses():
        if time.monotonic() > until:
            load.lose(f"question {number}: no answer in time")
            return
        sent = time.monotonic()
        status, headers, reply = connection.send(path, body)
        if taken is None and status != 429:
            taken = sent
        load.replied(f"{status} {_what(reply)}".strip())
        if status == 200:
            now = time.monotonic()
            load.answered(number, (now - begun, now - (taken or sent)), reply)
            return
        wait = headers.get("retry-after")
        if status == 202 and wait is not None:
            path, body = headers["location"], None
        elif status != 429:
            load.lose(f"question {number}: {status} {_what(reply)}, Retry-After {wait}")
            return
        time.sleep(min(float(wait), LONGEST_PAUSE) if wait is not None else pause)


def _pauses() -> Iterator[float]:
    """For a 429 of the gateway, which names no time: full jitter, as AWS's clients have it."""
    for attempt in itertools.count(1):
        yield random.uniform(0, min(LONGEST_PAUSE, 0.1 * 2**attempt))


def _what(reply: Mapping[str, Any]) -> str:
    error = reply.get("error")
    if isinstance(error, Mapping):
        return str(error.get("code"))
    answer = reply.get("answer")
    return (
        str(answer.get("outcome")) if isinstance(answer, Mapping) else str(reply.get("status") or reply.get("message"))
    )


class _Connection:
    """A connection of one caller; it connects again when the server has closed it."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._http = http.client.HTTPConnection(self._host, timeout=60)

    def close(self) -> None:
        """Close it."""
        self._http.close()

    def send(self, path: str, body: Mapping[str, Any] | None) -> tuple[int, dict[str, str], dict[str, Any]]:
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        for last in (False, True):
            try:
                self._http.request("GET" if body is None else "POST", path, data, headers)
                response = self._http.getresponse()
                reply = json.loads(response.read())
            except (OSError, http.client.HTTPException):
                self._http.close()
                if last:
                    raise
            else:
                return response.status, {name.lower(): value for name, value in response.getheaders()}, reply
        raise AssertionError


def executions(server: Running) -> int:
    """How many executions the chat state machine has."""
    states = server.client("stepfunctions")
    arn = f"arn:aws:states:us-east-1:000000000000:stateMachine:{MACHINE}"
    with closing(states):
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=arn)
        return sum(len(page["executions"]) for page in pages)


def report(load: Load, started: int, chats: int) -> dict[str, Any]:
    """The run as JSON. `each_answered_once`: one execution for each question, and every one has answered."""
    return {
        "chats": chats,
        "answered": len(load.executions),
        "outcomes": dict(load.outcomes),
        "replies": dict(sorted(load.replies.items())),
        "lost": load.lost[:20],
        "executions": started,
        "each_answered_once": len(set(load.executions)) == len(load.executions) == started == chats,
        "seconds": round(load.took, 1),
        "chats_a_second": round(len(load.executions) / load.took, 1),
        "latency_seconds": load.quarters(),
    }


def main() -> int:
    """Run it and print the result. Exit code 1 if a question was not answered exactly once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--callers", type=int, default=200)
    parser.add_argument("--chats", type=int, default=2000)
    parser.add_argument("--quotas", help="as of stepguard serve")
    parser.add_argument("--seconds", type=float, default=900.0, help="the longest run")
    arguments = parser.parse_args()
    with stepguard(quotas=arguments.quotas) as server:
        load = run(server.url, arguments.callers, arguments.chats, arguments.seconds)
        result = report(load, executions(server), arguments.chats)
    print(json.dumps(result, indent=2))
    return 0 if result["each_answered_once"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
