"""A session on an AWS account; and `stepguard serve --aws`, which serves the page for the account's executions.

The API of app.py runs here, in a worker as Lambda would run it, with the credentials of the user who starts it. Anyone
who reaches the port acts with them, so it is served on loopback only, where the endpoint refuses requests from other
sites' pages.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from embedded_aws.endpoint import Endpoint
from embedded_aws.endpoint.host_names import is_loopback
from embedded_aws.lambda_.config import FunctionConfig
from embedded_aws.lambda_.functions import Functions
from embedded_aws.wire import Account
from stepguard.admin.deployed import deployed_layers, functions_of
from stepguard.admin.knowledge_base import KNOWLEDGE_BASE_ID, KnowledgeBase
from stepguard.aws.executions import Executions
from stepguard.guard.callers import ANONYMOUS
from stepguard.guard.errors import ConfigurationError, StepguardError
from stepguard.guard.settings import UNGUARDED, VARIABLES, GuardrailRef, read_guardrails
from stepguard.guard.stages import LAYERS, Layer
from stepguard.project.folder import find_project
from stepguard.session.embedded import HTTP_API
from stepguard.session.model import Session
from stepguard.webserver.site import Site
from stepguard.webserver.views import Views


@contextmanager
def on_aws(endpoint_url: str | None, state_machine: str | None) -> Iterator[Session]:
    """A session on the AWS account of the user's credentials, or on another endpoint."""
    if endpoint_url:
        os.environ["AWS_ENDPOINT_URL"] = endpoint_url
    given = read_guardrails(os.environ)  # an incomplete pair must fail here, before anything starts
    executions = Executions(state_machine)

    def find_layers() -> Mapping[Layer, GuardrailRef]:
        return given if len(given) == len(LAYERS) else deployed_layers(executions) | given

    yield Session(executions, find_layers, endpoint_url)


@contextmanager
def served(host: str, port: int, endpoint_url: str | None, state_machine: str | None) -> Iterator[Session]:
    """Serve the page and the API until the context ends. Raises ConfigurationError, OSError, StepguardError."""
    if not is_loopback(host):
        raise ConfigurationError("With --aws the page acts with your credentials: it is served on 127.0.0.1 only.")
    if endpoint_url:
        os.environ["AWS_ENDPOINT_URL"] = endpoint_url
    executions = Executions(state_machine)
    executions.machine_status()  # report a missing permission or a wrong ARN before a browser opens
    arn = executions.state_machine_arn
    account = Account(arn.split(":")[3], arn.split(":")[4])
    with tempfile.TemporaryDirectory(prefix="stepguard-") as temporary:
        functions = Functions(account, Path(temporary), workers=2)
        functions.register(_api(arn, _guards(executions)))
        site = Site(views=Views(lambda: executions, _knowledge_base))
        endpoint = Endpoint({}, HTTP_API, host=host, port=port, functions=functions, account=account, site=site)
        try:
            yield Session(executions, url=endpoint.start())
        finally:
            endpoint.stop()
            functions.close()


def _knowledge_base() -> KnowledgeBase | None:
    identifier = os.environ.get(KNOWLEDGE_BASE_ID, "")
    return KnowledgeBase(identifier) if identifier else None


def _guards(executions: Executions) -> dict[str, str]:
    """The guards of the deployed workflow, so that GET /health reports them; empty if they may not be read."""
    try:
        read = functions_of(executions)
    except StepguardError:
        return {}
    found: dict[str, str] = {}
    for layer, function in read.items():
        names = (*VARIABLES[layer], UNGUARDED)
        found |= {name: function.variables[name] for name in names if function.variables.get(name)}
    return found


def _api(arn: str, guards: Mapping[str, str]) -> FunctionConfig:
    project = find_project()
    settings = next(entry for entry in project.lambdas() if entry.name == "api_handler")
    return FunctionConfig(
        name=HTTP_API.function,
        handler=settings.handler,
        task_root=project.application,
        environment={**_environment(arn), **guards},
        timeout=settings.timeout,
        memory=settings.memory,
    )


def _environment(arn: str) -> dict[str, str]:
    """The user's AWS settings; they replace the execution role's settings of a worker."""
    home = Path.home() / ".aws"
    own = {
        "AWS_ACCESS_KEY_ID": "",  # empty: botocore continues with the profile
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_SESSION_TOKEN": "",
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "HOME": str(Path.home()),
    }
    own |= {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "EVALUATION_"))}
    region = arn.split(":")[3]
    return own | {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "STATE_MACHINE_ARN": arn,
        "CHAT_OPERATORS": ANONYMOUS,
    }
