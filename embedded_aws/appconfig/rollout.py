"""How far a deployment is: calculated from its strategy and its start, whenever somebody looks.

https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-creating-deployment-strategy.html
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEPLOYING = "DEPLOYING"
BAKING = "BAKING"
COMPLETE = "COMPLETE"
ROLLED_BACK = "ROLLED_BACK"
RUNNING = (DEPLOYING, BAKING)


@dataclass(frozen=True, slots=True)
class Strategy:
    """`growth` percent of the targets a step, the steps spread over `minutes`; then alarms are watched for `bake`."""

    minutes: int
    growth: float
    bake: int
    exponential: bool = False

    def percentage(self, seconds: float) -> float:
        """The share of the targets that have the new configuration so long after the start."""
        duration = self.minutes * 60
        if seconds >= duration:
            return 100.0
        steps = math.ceil(math.log2(100 / self.growth)) + 1 if self.exponential else math.ceil(100 / self.growth)
        step = math.floor(seconds / (duration / steps))
        reached = self.growth * 2**step if self.exponential else self.growth * (step + 1)
        return min(100.0, reached)

    def state(self, seconds: float) -> str:
        """The state of a deployment that no alarm and no person ended."""
        if seconds < self.minutes * 60:
            return DEPLOYING
        return BAKING if seconds < (self.minutes + self.bake) * 60 else COMPLETE


PREDEFINED: Mapping[str, Strategy] = {
    "AppConfig.AllAtOnce": Strategy(0, 100, 10),
    "AppConfig.Linear50PercentEvery30Seconds": Strategy(1, 50, 1),
    "AppConfig.Canary10Percent20Minutes": Strategy(20, 10, 10, exponential=True),
    "AppConfig.Linear20PercentEvery6Minutes": Strategy(30, 20, 30),
}
"""AWS's own strategies, by identifier, which is their name."""


def strategy_of(members: Mapping[str, Any]) -> Strategy:
    """The strategy that a resource or a deployment describes, by AWS's names."""
    return Strategy(
        int(members["DeploymentDurationInMinutes"]),
        float(members["GrowthFactor"]),
        int(members["FinalBakeTimeInMinutes"]),
        exponential=members.get("GrowthType") == "EXPONENTIAL",
    )


def members_of(strategy: Strategy) -> dict[str, Any]:
    """The reverse of `strategy_of`."""
    return {
        "DeploymentDurationInMinutes": strategy.minutes,
        "GrowthType": "EXPONENTIAL" if strategy.exponential else "LINEAR",
        "GrowthFactor": strategy.growth,
        "FinalBakeTimeInMinutes": strategy.bake,
    }


def has_reached(session: str, percentage: float) -> bool:
    """Whether a session is among the first `percentage` of the targets: always the same ones of a deployment."""
    place = int.from_bytes(hashlib.sha256(session.encode()).digest()[:4], "big") / 2**32
    return place * 100 < percentage
