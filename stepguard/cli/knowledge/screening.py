"""Screening: documents through the workflow's guards, as an evaluation, before they are ingested."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepguard.admin.knowledge_documents import Local
from stepguard.cli import render
from stepguard.cli.evaluate.command import evaluate_quietly
from stepguard.cli.evaluate.intake import Options, intake
from stepguard.cli.evaluate.output import RESULTS
from stepguard.evaluation.corpus import BadRow
from stepguard.evaluation.limits import Limits, Meter
from stepguard.guard.errors import ConfigurationError, InvalidRequest, StepguardError
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Layer
from stepguard.session.model import Session

BLOCKED, FAILED = "blocked", "failed"


@dataclass(frozen=True, slots=True)
class Screened:
    """The guards' verdict on a document: passed, masked or blocked; failed with the reason."""

    document: Local
    verdict: str
    reason: str = ""


def label_of(layers: Mapping[Layer, GuardrailRef]) -> str:
    """The guardrails that judge documents, e.g. `postprocess=ab12:1,preprocess=cd34:2`. Raises ConfigurationError
    without an input layer, which finds instructions to the model."""
    if Layer.PREPROCESS not in layers:
        raise ConfigurationError("The input layer is off, so documents cannot be screened: turn it on to add some.")
    return ",".join(
        f"{layer}={ref.id}:{ref.version}" for layer, ref in sorted(layers.items()) if layer is not Layer.MODEL
    )


def screen(documents: Sequence[Local], session: Session, arguments: argparse.Namespace) -> list[Screened]:
    """The verdict on each document. Raises StepguardError if the evaluation as a whole fails."""
    rows, screened = {}, []
    for number, document in enumerate(documents):
        try:
            rows[f"{number:06}"] = document, _text(document)
        except InvalidRequest as error:
            screened.append(Screened(document, FAILED, str(error).removeprefix(f"{document.name}: ").rstrip(".")))
    if not rows:
        return screened
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "knowledge.jsonl")
        with corpus.open("w", encoding="utf-8") as target:
            for identifier, (_, text) in rows.items():
                target.write(json.dumps({"id": identifier, "kind": "document", "text": text}) + "\n")
        done = evaluate_quietly(session, corpus, arguments)
    verdicts = {}
    with (done.folder / RESULTS).open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            verdicts[line["id"]] = line
    for identifier, (document, _) in rows.items():
        line = verdicts.get(identifier, {"action": FAILED, "error": "it has no result"})
        screened.append(Screened(document, line["action"], _reason(line)))
    return sorted(screened, key=lambda one: one.document.name)


def _text(document: Local) -> str:
    """What a reader of the document sees. Raises InvalidRequest."""
    if document.file.suffix.lower() == ".csv":
        try:
            text = document.file.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InvalidRequest("a CSV file must be UTF-8") from None
        if not text.strip():
            raise InvalidRequest("it holds no text")
        return text
    try:
        entries = list(intake(document.file, document.name, Options(), Limits()).read(Meter(Limits())))
    except StepguardError as error:
        raise InvalidRequest(str(error)) from None
    texts = []
    for entry in entries:
        if isinstance(entry, BadRow):
            raise InvalidRequest(entry.reason)
        texts.append(entry.request.text)
    return "\n".join(texts)


def _reason(line: Mapping[str, Any]) -> str:
    if line["action"] == FAILED:
        return str(line.get("error") or "the guards gave no verdict")
    stages = [stage for stage in line.get("stages") or () if stage.get("outcome") == BLOCKED]
    return "; ".join(f"{stage['state']}: {render.findings(stage['findings'])}" for stage in stages)
