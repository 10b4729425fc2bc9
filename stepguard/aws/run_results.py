"""The results of a run's items, from the records of its Map Run and, for a retry, from those of the attempts before
it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from stepguard.aws.objects import Address, Objects
from stepguard.aws.retries import lines
from stepguard.evaluation.results import Parts, Result, result_of
from stepguard.evaluation.runs import Run
from stepguard.guard.errors import InvalidRequest, ServiceUnavailable


class Results:
    """Iterate once: each item's result, and what earlier attempts made of it; then `doubled` is known.

    `rows`, `items` and `bad_rows` are those of the whole run. An item that a later attempt evaluated again counts there
    only.
    """

    def __init__(self, run: Run, corpus: Mapping[str, Any], objects: Objects) -> None:
        """`corpus` is the result of PrepareCorpus. Raises StepguardError."""
        self._objects = objects
        self._bucket = str(corpus["bucket"])
        self.doubled = 0
        about = corpus
        if run.retry_of is None:
            self._attempts = [(str(corpus["prefix"]), frozenset[int]())]
        else:
            first, *others = (run.attempt(attempt) for attempt in run.attempts)
            with objects.open(Address(self._bucket, f"{first}/corpus.json")) as stream:
                about = json.loads(stream.read())
            self._attempts = self._of_attempts(first, others)
        self.items = int(about["items"])
        self.bad_rows = int(about["bad_rows"])
        self.rows = int(about.get("rows", self.items + self.bad_rows))

    def _of_attempts(self, first: str, others: list[str]) -> list[tuple[str, frozenset[int]]]:
        """The folder of each attempt's records, with the numbers of the items that later attempts replace."""
        replaced: frozenset[int] = frozenset()
        attempts: list[tuple[str, frozenset[int]]] = []
        for folder in reversed(others):
            if not any(_manifests(self._objects, self._prefix(f"{folder}/map"))):
                continue  # this attempt was stopped before it had results
            attempts.append((f"{folder}/map", replaced))
            numbers = (line["item"]["number"] for line in lines(self._objects, Address(self._bucket, folder)))
            replaced |= frozenset(numbers)
        attempts.append((f"{first}/map", replaced))
        return attempts[::-1]

    def __iter__(self) -> Iterator[tuple[Result, list[dict[str, Any]]]]:
        earlier: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for folder, replaced in self._attempts:
            parts = Parts()
            for result in self._read(self._prefix(folder), parts):
                if result.number in replaced:
                    earlier[result.number].append(_brief(result))
                else:
                    yield result, earlier.pop(result.number, [])
            self.doubled += parts.doubled

    def _prefix(self, folder: str) -> Address:
        return Address(self._bucket, f"{folder}/")

    def _read(self, prefix: Address, parts: Parts) -> Iterator[Result]:
        for address in _files(self._objects, prefix):
            with self._objects.open(address) as stream:
                for line in stream:
                    try:
                        result, part = result_of(json.loads(line))
                    except (KeyError, ValueError, TypeError) as error:
                        raise InvalidRequest(
                            f"{address} contains an unrecognised record ({type(error).__name__})."
                        ) from None
                    whole = parts.add(result, part)
                    if whole is not None:
                        yield whole


def _brief(result: Result) -> dict[str, Any]:
    return {
        "outcome": result.outcome,
        "action": str(result.action),
        "error": result.error,
        "execution": result.executions[0],
    }


def _manifests(objects: Objects, prefix: Address) -> Iterator[Address]:
    return (found for found in objects.list(prefix) if found.key.endswith("/manifest.json"))


def _files(objects: Objects, prefix: Address) -> Iterator[Address]:
    """The result files that the Map Run's manifest names."""
    manifests = list(_manifests(objects, prefix))
    if not manifests:
        raise ServiceUnavailable("The Map Run left no manifest.")
    for manifest in manifests:
        with objects.open(manifest) as stream:
            files = json.loads(stream.read())["ResultFiles"]
        for status in ("SUCCEEDED", "FAILED"):
            yield from (Address(prefix.bucket, file["Key"]) for file in files.get(status, ()))
