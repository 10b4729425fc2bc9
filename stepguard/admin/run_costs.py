"""The account of a run: the estimated cost of its first attempt and of everything that was started again.

The first attempt's estimate is in `corpus.json`, which PrepareCorpus writes before the first guard call. Each later one
is an object `costs/NAME.json` of the run, written before it starts: a kill in between leaves an entry too many, never
one too few.
"""

from __future__ import annotations

import json

from stepguard.aws.evaluations import Evaluations
from stepguard.aws.objects import Address
from stepguard.evaluation.limits import Limits
from stepguard.guard.errors import InvalidRequest
from stepguard.trace.diff import mapping


class RunCosts:
    """What one run has cost so far, by the estimates."""

    def __init__(self, evaluations: Evaluations, run: str) -> None:
        self._evaluations = evaluations
        self._run = run

    def first(self) -> float:
        """The estimate of the first attempt; 0 before PrepareCorpus has read the corpus. Raises StepguardError."""
        return self._dollars(self._evaluations.object(self._run, "corpus.json"))

    def spent(self) -> float:
        """The sum of the account. Raises StepguardError."""
        entries = self._evaluations.objects.list(self._evaluations.object(self._run, "costs/"))
        return self.first() + sum(map(self._dollars, entries))

    def spend(self, name: str, dollars: float, limits: Limits) -> float:
        """Enter what is about to start; the same name is the same start. Returns the sum.

        Raises InvalidRequest, without an entry, if the sum exceeds the limit.
        """
        entry = self._evaluations.object(self._run, f"costs/{name}.json")
        self._evaluations.objects.put(entry, json.dumps({"dollars": dollars}).encode())
        total = self.spent()  # after the entry is written: of two commands at a time, both see both
        try:
            limits.check_cost(total, f"The run {self._run} with all that was started again")
        except InvalidRequest:
            self._evaluations.objects.delete(entry)
            raise
        return total

    def _dollars(self, address: Address) -> float:
        try:
            with self._evaluations.objects.open(address) as stream:
                written = mapping(json.loads(stream.read()))
        except (InvalidRequest, ValueError):
            return 0.0
        return float(written.get("dollars", mapping(written.get("estimate")).get("dollars", 0.0)))
