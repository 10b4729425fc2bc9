"""The steps of a verification in their order, what each costs at most, and which change the stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from stepguard.project.deployment_costs import chat_dollars, document_dollars
from stepguard.project.folder import find_project
from stepguard.verification import beside, changes, definitions, deployment, features, usage
from stepguard.verification.place import Run


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `chats` and `documents` bound its cost in model and guardrail calls; `minutes` is on AWS.

    `changes` marks steps that make, change or remove the stage.
    """

    name: str
    run: Run
    minutes: float
    chats: int = 0
    documents: int = 0
    changes: bool = False

    @property
    def promise(self) -> str:
        """What the step proves."""
        return (self.run.__doc__ or "").strip()

    @property
    def dollars(self) -> float:
        """What it costs at most, in US dollars, by stepguard/evaluation/prices.py."""
        chat, document = _prices()
        return self.chats * chat + self.documents * document


@cache
def _prices() -> tuple[float, float]:
    """The dollars of one chat of a text unit each way and of one document, in the project of the current folder."""
    project = find_project()
    return chat_dollars(project), document_dollars(project)


STEPS = (
    Step("definitions", definitions.validate, 0.1),
    Step("states", definitions.run_each_state, 1),
    Step("deploy", deployment.deploy, 6, changes=True),
    Step("smoke", deployment.smoke, 2, chats=8),
    Step("guardrails", deployment.guardrails, 0.2, chats=3),
    Step("evaluation", usage.evaluation, 3, documents=usage.ROWS),
    Step("histories", usage.histories, 1),
    Step("replay", usage.replay, 0.2, chats=2),
    Step("conversations", features.conversations, 0.5, chats=2 * len(features.TURNS)),
    Step("streaming", features.streaming, 0.2, chats=1),
    Step("settings", beside.settings, 4, chats=26),
    Step("shadow", beside.shadow, 1, chats=2 * beside.CHATS),
    Step("review", beside.review, 0.5, chats=1),
    Step("upgrade", changes.upgrade, 8, chats=240, changes=True),
    Step("canary", changes.canary, 1, chats=2 * changes.CANARY_CHATS, changes=True),
    Step("alarms", changes.alarms, 10, chats=1, changes=True),
    Step("settings-alarm", features.settings_alarm, 8, chats=features.MOST_QUESTIONS, changes=True),
    Step("destroy", deployment.destroy, 5, changes=True),
    Step("nothing-left", deployment.nothing_left, 0.2),
)

FIXED_DOLLARS = 0.10
"""Alarms, dashboard, logs, Lambda and Step Functions for an hour, rounded up."""


def total_dollars(steps: Sequence[Step]) -> float:
    """What the steps cost at most, in US dollars."""
    return round(sum(step.dollars for step in steps) + FIXED_DOLLARS, 2)
