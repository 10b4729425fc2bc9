"""The place where a command runs: the embedded AWS of this machine by default, or an AWS account.

The AWS clients are made from the environment, so a session sets the environment: endpoint and dummy credentials for the
embedded AWS, nothing for AWS.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from embedded_aws.cloud import EmbeddedCloud
from stepguard.aws.evaluations import Evaluations
from stepguard.aws.executions import Executions
from stepguard.guard.errors import ConfigurationError
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Layer
from stepguard.project.folder import find_project


@dataclass(frozen=True, slots=True)
class Session:
    """A place where executions run.

    `url` is the endpoint of the embedded AWS or of another AWS endpoint, None on AWS. `served` is true for an embedded
    AWS that another process serves; the process's own one is `cloud`. `knowledge_changed` lets the chats of the
    embedded AWS use documents that were added, or stop when there are none.
    """

    executions: Executions
    find_layers: Callable[[], Mapping[Layer, GuardrailRef]] = dict
    url: str | None = None
    cloud: EmbeddedCloud | None = None
    served: bool = False
    evaluations: Evaluations = field(default_factory=Evaluations)
    knowledge_changed: Callable[[], None] = lambda: None

    @property
    def layers(self) -> Mapping[Layer, GuardrailRef]:
        """The guardrails in use, each replaced by the environment's where both of its variables are set.

        Read only when needed, since it calls the server. Raises StepguardError.
        """
        return self.find_layers()


def home_of(choice: str | None) -> Path:
    """The state folder: the flag, STEPGUARD_HOME, or .stepguard in the project.

    Raises ConfigurationError if its path cannot be resolved.
    """
    home = Path(choice or os.environ.get("STEPGUARD_HOME") or find_project().workspace / ".stepguard")
    try:
        return home.expanduser().resolve()
    except (OSError, RuntimeError):  # an unknown user's home; links in a circle
        raise ConfigurationError(f"The state folder {home} cannot be used: its path cannot be resolved.") from None
