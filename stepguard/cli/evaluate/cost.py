"""What an evaluation may cost, what it would cost on AWS, and the account of a run's attempts."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stepguard.admin.guardrails import GuardrailAdmin
from stepguard.aws.objects import Address
from stepguard.cli.commands import read_dollars, whole_number
from stepguard.cli.evaluate.corpus import LocalCorpus, find, read_options, recognise
from stepguard.cli.evaluate.quality import Judges, judges_of
from stepguard.cli.evaluate.stored import copy_of
from stepguard.evaluation.estimate import EVERY_POLICY, Estimate, Estimator
from stepguard.evaluation.limits import UNLIMITED, VARIABLES, Limits, read_limits
from stepguard.evaluation.prices import Policies, policies_of
from stepguard.evaluation.runs import MOST_REPEATS, Run
from stepguard.evaluation.selection import Selection
from stepguard.guard.errors import AccessDenied, InvalidRequest, StepguardError
from stepguard.guard.settings import read_settings
from stepguard.guard.stages import LAYERS
from stepguard.project.guardrail_files import read_guardrail_files
from stepguard.session.model import Session

_MOST = 10**12


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the limits; the environment variables of stepguard/evaluation/limits.py are their defaults."""
    standard = Limits()
    parser.add_argument(
        "--repeat", type=whole_number(MOST_REPEATS), metavar="N", help="run each item N times, for models that vary"
    )
    parser.add_argument(
        "--max-cost",
        type=read_dollars,
        metavar="USD",
        help=f"refuse a run whose estimate on AWS is higher; default {standard.cost:g} with --aws, else none",
    )
    for name, meaning in (
        ("bytes", "bytes of the corpus after decompression"),
        ("items", "rows of the corpus"),
        ("text_units", "text units (1,000 characters) to evaluate"),
    ):
        parser.add_argument(
            f"--max-{name.replace('_', '-')}",
            type=whole_number(_MOST),
            metavar="N",
            help=f"the most {meaning}; default {getattr(standard, name):,}",
        )


def limits_of(arguments: argparse.Namespace, session: Session) -> Limits:
    """The limits of this command: its options, else the environment. Raises ConfigurationError."""
    limits = read_limits(os.environ)
    if not costs(session) and not os.environ.get(VARIABLES["cost"]):
        limits = replace(limits, cost=UNLIMITED)
    given: dict[str, Any] = {}
    for name in VARIABLES:
        if (value := getattr(arguments, f"max_{name}", None)) is not None:
            given[name] = value
    return replace(limits, **given)


def costs(session: Session) -> bool:
    """Whether the session's runs cost money."""
    return session.url is None


def policies(guardrails: Path | None, session: Session) -> dict[str, Policies]:
    """The charged policies of each layer, from the files of --guardrails or else from AWS; every policy if the
    credentials may not read a guardrail. A layer that is off is missing. Raises StepguardError."""
    found: dict[str, Policies] = {}
    if guardrails is not None:
        found = {file.stem: policies_of(entry) for file, entry in read_guardrail_files([guardrails]).items()}
        if not set(found) <= set(LAYERS):
            return dict.fromkeys(map(str, LAYERS), next(iter(found.values())))
    try:
        layers = {} if set(found) == set(LAYERS) else session.layers
    except AccessDenied:
        layers = {}
    for layer, ref in layers.items():
        if layer in found:
            continue
        try:
            found[str(layer)] = policies_of(GuardrailAdmin().show(ref.id, ref.version))
        except StepguardError:
            found[str(layer)] = EVERY_POLICY
    # On AWS, a command without variables of guardrails evaluates those of the deployment.
    return found or dict.fromkeys(map(str, LAYERS), EVERY_POLICY)


def select(
    arguments: argparse.Namespace,
    session: Session,
    limits: Limits,
    charged: Mapping[str, Policies],
    corpus: str,
    folder: Path,
) -> tuple[LocalCorpus | Address, Estimate | None]:
    """Read the corpus within the limits. Returns it with the estimate; no estimate for an object that these credentials
    may not read, which PrepareCorpus checks. `folder` is for copies of objects. Raises InvalidRequest that names the
    limit."""
    place, objects = find(corpus), session.evaluations.objects
    copy = copy_of(place, folder, objects, limits) if isinstance(place, Address) else None
    options = read_options(arguments, place, copy)
    found = recognise(place, options, limits, objects, copy)
    if getattr(arguments, "strict", False):
        found.check_strict()
    chosen = Selection(
        name=str(place),
        read=found.read,
        limits=limits,
        estimator=estimator(charged, getattr(arguments, "concurrency", None), judges_of(arguments)),
        guardrails={layer: {"id": layer, "version": "1"} for layer in charged},
        run="estimate",
        sample=arguments.sample,
        seed=arguments.seed,
        layers=arguments.layers,
        repeat=getattr(arguments, "repeat", None) or 1,
    )
    try:
        for _ in chosen.map_lines():
            pass
    except AccessDenied:
        if isinstance(place, Address):
            return place, None
        raise
    estimate = chosen.estimator.estimate
    limits.check_cost(estimate.dollars)
    if getattr(arguments, "strict", False) and chosen.bad_rows:
        raise InvalidRequest(f"--strict: {len(chosen.bad_rows)} bad rows. The first: {chosen.bad_rows[0]}.")
    if isinstance(place, Address) and found.as_is:
        return place, estimate  # PrepareCorpus reads the object itself
    name, path = (str(place), folder) if isinstance(place, Address) else (place.name, place)
    unused = chosen.unused_references
    return LocalCorpus(path, name, found, options.mapped, chosen.items, chosen.bad_rows, unused), estimate


def estimator(
    charged: Mapping[str, Policies], concurrency: int | None = None, judges: Judges | None = None
) -> Estimator:
    """An estimator with the model of this environment's settings. Raises ConfigurationError."""
    estimates = Estimator(read_settings(os.environ).model, charged, concurrency=concurrency)
    if judges is not None:
        estimates.embedding, estimates.judge = judges.embedding, judges.judge
    return estimates


def with_costs(run: Run, limits: Limits, charged: Mapping[str, Policies]) -> Run:
    """The run with its limits and charged policies, for PrepareCorpus and the record."""
    return replace(run, limits=limits, policies=charged)
