"""The input of an evaluation: the checked `run` of its execution's input."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from typing import Any

from stepguard.evaluation.concurrency import concurrency_for
from stepguard.evaluation.limits import Limits, limits_of
from stepguard.evaluation.map_items import Guardrails, guardrails_of
from stepguard.evaluation.prices import Policies
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Kind
from stepguard.guard.stages import LAYERS, Layer

MAX_CONCURRENCY = 1000
"""More children at a time than any guardrail quota permits."""

MOST_REPEATS = 100

LOCAL_BAD_ROWS = "bad_rows_local.jsonl"
"""The object with the rows that the command left out when it read a local folder."""

RETRY = "-r"
"""Between the id of a run and the number of its retry."""

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation. `corpus` and `work` are `(bucket, key)`; all objects of the run are under `work`.

    `concurrency` is the number of children at a time; None is the number that the guardrails' quotas permit for this
    corpus. `tolerated_failures` is a percentage. `guardrails` by layer; None selects those of the deployment. `sample`
    items are chosen by `seed`. `kind` overrides that of the rows; only `layers` judge, and without the model layer no
    model is called. `caller` may read the run. `limits` are those of the corpus, `policies` the charged policies by
    layer (stepguard/evaluation/estimate.py); a layer that is missing counts as one with every policy. `retry_of` is the
    run whose failed items this one runs again; `repeat` is how often each item runs.
    """

    id: str
    corpus: tuple[str, str]
    work: tuple[str, str]
    guardrails: Guardrails | None = None
    concurrency: int | None = None
    tolerated_failures: float = 5.0
    sample: int | None = None
    seed: int = 0
    kind: Kind | None = None
    layers: tuple[Layer, ...] | None = None
    caller: str = "cli"
    limits: Limits | None = None
    policies: Mapping[str, Policies] | None = None
    retry_of: str | None = None
    repeat: int = 1

    def to_document(self) -> dict[str, Any]:
        """The `run` of an execution's input; the state machine reads the tolerated failures from it."""
        document: dict[str, Any] = {
            "id": self.id,
            "corpus": {"bucket": self.corpus[0], "key": self.corpus[1]},
            "work": {"bucket": self.work[0], "key": self.work[1]},
            "tolerated_failure_percentage": self.tolerated_failures,
            "seed": self.seed,
            "caller": self.caller,
        }
        if self.kind is not None:
            document["kind"] = str(self.kind)
        if self.layers is not None:
            document["layers"] = [str(layer) for layer in self.layers]
        if self.guardrails is not None:
            document["guardrails"] = {layer: dict(ref) for layer, ref in self.guardrails.items()}
        if self.concurrency is not None:
            document["max_concurrency"] = self.concurrency
        if self.sample is not None:
            document["sample"] = self.sample
        if self.limits is not None:
            document["limits"] = self.limits.to_document()
        if self.policies is not None:
            document["policies"] = {layer: dict(units) for layer, units in self.policies.items()}
        if self.retry_of is not None:
            document["retry_of"] = self.retry_of
        if self.repeat > 1:
            document["repeat"] = self.repeat
        return document

    def map_limits(self, lines: int, text_units: int) -> dict[str, int]:
        """The limits of a Map with so many lines and text units."""
        return {
            "max_concurrency": self.concurrency or concurrency_for(text_units / lines),
            # A percentage alone applies only after all items are read; the count ends a failing run at once.
            "tolerated_failures": floor(lines * self.tolerated_failures / 100 + 1e-9),
        }

    def key(self, name: str) -> str:
        """The key of one of the run's objects."""
        return f"{self.work[1].rstrip('/')}/{name}"

    @property
    def attempts(self) -> list[str]:
        """The runs whose results count together, the first one first: `RUN`, `RUN-r1`, … up to this one."""
        if self.retry_of is None:
            return [self.id]
        retries = int(self.id.removeprefix(f"{self.retry_of}{RETRY}"))
        return [self.retry_of, *(f"{self.retry_of}{RETRY}{number}" for number in range(1, retries + 1))]

    @property
    def first(self) -> str:
        """The key of the folder with the results: the first attempt's."""
        return self.attempt(self.attempts[0]) if self.retry_of is not None else self.work[1].rstrip("/")

    def attempt(self, run: str) -> str:
        """The key of another attempt's folder, which is next to this one's."""
        return f"{self.work[1].rstrip('/').rpartition('/')[0]}/{run}"


def run_of(document: object, limits: Limits | None = None) -> Run:
    """Read `Run.to_document`; `limits` are those of a run that has none. Raises InvalidRequest that names the wrong
    member."""
    if not isinstance(document, Mapping):
        raise InvalidRequest("The execution's input must be {'run': {...}}.")
    identifier = document.get("id")
    if not isinstance(identifier, str) or not RUN_ID.fullmatch(identifier):
        raise InvalidRequest("run.id must be 1 to 64 letters, digits, hyphens and underscores.")
    try:
        kind = None if document.get("kind") is None else Kind(document["kind"])
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
        layers=_layers(document.get("layers")),
        caller=str(document.get("caller", "unknown")),
        limits=None if document.get("limits") is None else limits_of(document["limits"], limits or Limits()),
        policies=_policies(document.get("policies")),
        retry_of=_retry_of(document.get("retry_of"), identifier),
        repeat=_optional(document, "repeat", MOST_REPEATS) or 1,
    )


def _policies(value: object) -> Mapping[str, Policies] | None:
    if value is None:
        return None
    if isinstance(value, Mapping) and set(value) <= set(LAYERS):
        units = [entry for layer in value.values() if isinstance(layer, Mapping) for entry in layer.items()]
        whole = all(isinstance(layer, Mapping) for layer in value.values())
        if whole and all(isinstance(times, int) and 0 <= times < _MOST_POLICIES for _, times in units):
            return value
    raise InvalidRequest("run.policies must map a guard layer to {text unit: number}.")


def _layers(value: object) -> tuple[Layer, ...] | None:
    if value is None:
        return None
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(name, str) and name in set(LAYERS) for name in value)
    ):
        raise InvalidRequest(f"run.layers must be a list of one or more of {', '.join(LAYERS)}.")
    return tuple(layer for layer in LAYERS if layer in value)


def _retry_of(value: object, identifier: str) -> str | None:
    if value is not None and not (
        isinstance(value, str) and re.fullmatch(rf"{re.escape(value)}{RETRY}\d{{1,4}}", identifier)
    ):
        raise InvalidRequest("run.retry_of must be the id of a run, and run.id this id with -r and a number.")
    return value


_MOST_POLICIES = 100


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
