"""Publishing a bank of curated answers: each question is embedded once, the limits are those of the embedding model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from stepguard.admin.answers.calibration import calibrate, known
from stepguard.aws.bank.versions import AnswerBank
from stepguard.aws.clients import client
from stepguard.aws.embedding import DIMENSIONS, MODEL, embed
from stepguard.aws.models.completion import RuntimeClient
from stepguard.formats.qnabot import Imported
from stepguard.guard.bank.matching import PROBE
from stepguard.guard.bank.model import Bank
from stepguard.guard.bank.vectors import Vectors

WORKERS = 8
ATTEMPTS = 8
"""How often a throttled call is repeated."""


def build(imported: Imported, say: Callable[[str], None], runtime: RuntimeClient | None = None) -> Bank:
    """A version of the bank, calibrated for the embedding model that answers here. Raises StepguardError."""
    runtime = runtime or client("bedrock-runtime", ATTEMPTS)
    with ThreadPoolExecutor(WORKERS) as workers:

        def embed_all(texts: Sequence[str]) -> list[Sequence[float]]:
            return list(workers.map(lambda text: embed(text, runtime=runtime)[0], texts))

        probe = tuple(embed_all([PROBE])[0])
        limits = known(probe)
        if limits is None:
            say("calibrating: this embedding model has not been measured before; about 1,700 short texts are embedded")
            limits = calibrate(embed_all)
        rows = embed_all([text for item in imported.items for text in item.texts])
    return Bank("", imported.items, imported.dont_know, MODEL, DIMENSIONS, limits, probe, Vectors.of(rows))


def publish(bank: Bank, place: AnswerBank) -> tuple[str, bool]:
    """Store a version and put it into use; its name, and whether it was not in use before. Raises StepguardError."""
    before = place.current()
    name = place.write(bank)
    if name != before:
        place.use(name)
    return name, name != before
