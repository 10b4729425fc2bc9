"""The input of an evaluation: the checked `run` of its execution's input."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from typing import Any

from stepguard.evaluation.concurrency import concurrency_for
from stepguard.evaluation.map_items import Guardrails, guardrails_of
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Kind

MAX_CONCURRENCY = 1000
"""More children at a time than any guardrail quota permits."""

LOCAL_BAD_ROWS = "bad_rows_local.jsonl"
"""The object with the rows that the command left out when it read a local folder."""

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation. `corpus` and `work` are `(bucket, key)`; all objects of the run are under `work`.

    `concurrency` is the number of children at a time; None is the number that the guardrails' quotas permit for this
    corpus. `tolerated_failures` is a percentage. `guardrails` by layer; None selects those of the deployment. `sample`
    items are chosen by `seed`. `kind` is the default for rows without a kind; `caller` may read the run.
    """

    id: str
    corpus: tuple[str, str]
    work: tuple[str, str]
    guardrails: Guardrails | None = None
    concurrency: int | None = None
    tolerated_failures: float = 5.0
    sample: int | None = None
    seed: int = 0
    kind: Kind = Kind.DOCUMENT
    caller: str = "cli"

    def to_document(self) -> dict[str, Any]:
        """The `run` of an execution's input; the state machine reads the tolerated failures from it."""
        document: dict[str, Any] = {
            "id": self.id,
            "corpus": {"bucket": self.corpus[0], "key": self.corpus[1]},
            "work": {"bucket": self.work[0], "key": self.work[1]},
            "tolerated_failure_percentage": self.tolerated_failures,
            "seed": self.seed,
            "kind": str(self.kind),
            "caller": self.caller,
        }
        if self.guardrails is not None:
            document["guardrails"] = {layer: dict(ref) for layer, ref in self.guardrails.items()}
        if self.concurrency is not None:
            document["max_concurrency"] = self.concurrency
        if self.sample is not None:
            document["sample"] = self.sample
        return document

    def limits(self, lines: int, text_units: int) -> dict[str, int]:
        """The limits of a Map with so many lines and text units."""
        return {
            "max_concurrency": self.concurrency or concurrency_for(text_units / lines),
            # A percentage alone applies only after all items are read; the count ends a failing run at once.
            "tolerated_failures": floor(lines * self.tolerated_failures / 100 + 1e-9),
        }

    def key(self, name: str) -> str:
        """The key of one of the run's objects."""
        return f"{self.work[1].rstrip('/')}/{name}"


def run_of(document: object) -> Run:
    """Read `Run.to_document`. Raises InvalidRequest that names the wrong member."""
    if not isinstance(document, Mapping):
        raise InvalidRequest("The execution's input must be {'run': {...}}.")
    identifier = document.get("id")
    if not isinstance(identifier, str) or not RUN_ID.fullmatch(identifier):
        raise InvalidRequest("run.id must be 1 to 64 letters, digits, hyphens and underscores.")
    try:
        kind = Kind(document.get("kind", "document"))
    except ValueError:
        raise InvalidRequest(f"run.kind must be one of {', '.join(Kind)}.") from None
    given = document.get("guardrails")
    return Run(
        id=identifier,
        corpus=_address(document, "corpus"),
        work=_address(document, "work"),
        guardrails=None if given is None else guardrails_of(given),
        concurrency=_optional(document, "max_concurrency", MAX_CONCURRENCY),
        tolerated_failures=_number(document, "tolerated_failure_percentage", 0, 100, 5.0),
        sample=_optional(document, "sample", 10**9),
        seed=int(_number(document, "seed", -(2**53), 2**53, 0)),
        kind=kind,
        caller=str(document.get("caller", "unknown")),
    )


def _address(document: Mapping[str, Any], name: str) -> tuple[str, str]:
    value = document.get(name)
    if not isinstance(value, Mapping) or not all(isinstance(value.get(part), str) for part in ("bucket", "key")):
        raise InvalidRequest(f"run.{name} must be {{'bucket', 'key'}}.")
    return value["bucket"], value["key"]


def _optional(document: Mapping[str, Any], name: str, most: int) -> int | None:
    return None if document.get(name) is None else int(_number(document, name, 1, most, 1))


def _number(document: Mapping[str, Any], name: str, least: float, most: float, default: float) -> float:
    value = document.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise InvalidRequest(f"run.{name} must be a number from {least:g} to {most:g}.")
    return value
