"""Scorecards of given results."""

from __future__ import annotations

from collections.abc import Iterable

from stepguard.evaluation.results import Result
from stepguard.evaluation.scorecard import Scorecard


def scorecard_of(results: Iterable[Result]) -> Scorecard:
    """The scorecard of some results."""
    card = Scorecard()
    for result in results:
        card.add(result)
    return card
