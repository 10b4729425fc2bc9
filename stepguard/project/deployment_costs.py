"""The cost of a project on AWS: its definition, guardrails and Lambdas as stepguard/project/costs.py reads them."""

from __future__ import annotations

import json

from stepguard.guard.errors import ConfigurationError
from stepguard.guard.stages import Layer
from stepguard.project.costs import OUTCOMES, Assumed, Deployment, chat_usage, document_usage, total
from stepguard.project.folder import Project
from stepguard.project.guardrail_files import read_guardrail_files

DOCUMENT_UNITS = 2


def deployment_of(project: Project, *, express: bool = False) -> Deployment:
    """The project with all three layers on. Raises ConfigurationError."""
    file = project.path("statemachine/chat.asl.json")
    try:
        definition = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file}: cannot be read ({type(error).__name__}).") from None
    guardrails = {Layer(path.stem): read for path, read in read_guardrail_files(project.guardrails).items()}
    megabytes = {entry.name: entry.memory for entry in project.lambdas()}
    return Deployment(definition, guardrails, megabytes, express)


def chat_dollars(project: Project) -> float:
    """The most expensive end of a question, with all layers. Raises ConfigurationError."""
    deployment = deployment_of(project)
    return max(total(chat_usage(deployment, outcome, Assumed())) for outcome in OUTCOMES)


def document_dollars(project: Project) -> float:
    """One screened document of DOCUMENT_UNITS text units. Raises ConfigurationError."""
    return total(document_usage(deployment_of(project, express=True), DOCUMENT_UNITS, Assumed()))
