"""What a graded policy (content filter, prompt attack) says about a text."""

from dataclasses import dataclass
from typing import Literal

Confidence = Literal["NONE", "LOW", "MEDIUM", "HIGH"]


@dataclass(frozen=True, slots=True)
class Grade:
    """A detector's opinion: `score` from 0 (harmless) to 1, and AWS's confidence level that follows from calibrated
    thresholds.

    What a confidence blocks depends on the filter's strength (AWS "Filter strength", content filters page): strength
    LOW blocks HIGH confidence only, MEDIUM blocks HIGH and MEDIUM, HIGH blocks LOW as well.
    """

    score: float
    confidence: Confidence
