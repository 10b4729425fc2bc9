"""A session on the embedded AWS of this machine: the default."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from embedded_aws.cloud import EmbeddedCloud, FolderInUseError, announced
from embedded_aws.dynamodb import Table
from embedded_aws.endpoint import HttpApi, WebSocketApi
from embedded_aws.events.rules import Rule
from embedded_aws.lambda_.config import FunctionConfig
from embedded_aws.wire import Rate
from stepguard.admin.deployed import deployed_layers
from stepguard.admin.guardrails import apply_files
from stepguard.admin.knowledge_base import KNOWLEDGE_BASE_ID, named
from stepguard.admin.state_machine import put_state_machine, put_version
from stepguard.aws.bank.versions import ANSWER_BANK
from stepguard.aws.evaluations import Evaluations
from stepguard.aws.executions import CONVERSATION_MACHINE, Executions
from stepguard.aws.runtime.review import REVIEWS
from stepguard.aws.spans import ENDPOINT as COLLECTOR
from stepguard.aws.stream.connections import ENDPOINT
from stepguard.evaluation.limits import UNLIMITED
from stepguard.evaluation.limits import VARIABLES as VARIABLE_OF_LIMIT
from stepguard.guard.callers import ANONYMOUS
from stepguard.guard.conversation import CONVERSATIONS
from stepguard.guard.errors import ConfigurationError
from stepguard.guard.review.rule import read_rule
from stepguard.guard.settings import (
    PASSAGE_VARIABLES,
    REASONING_BLOCKS,
    UNGUARDED,
    VARIABLES,
    GuardrailRef,
    read_guardrails,
    read_pair,
    read_settings,
)
from stepguard.guard.stages import Layer
from stepguard.guard.stream.frames import ROUTES
from stepguard.guard.stream.listeners import Mode
from stepguard.project.folder import ANSWERS, Project, find_project
from stepguard.project.guardrail_files import read_guardrail_files
from stepguard.project.models import missing_packages
from stepguard.project.settings_file import use_settings_file
from stepguard.session.answer_bank import ADDRESS as ANSWER_ADDRESS
from stepguard.session.answer_bank import BUCKET as ANSWER_BUCKET
from stepguard.session.answer_bank import has_answers
from stepguard.session.knowledge import BUCKET as KNOWLEDGE_BUCKET
from stepguard.session.knowledge import NAME as KNOWLEDGE_NAME
from stepguard.session.knowledge import create_knowledge_base, has_documents
from stepguard.session.model import Session
from stepguard.session.runtime_settings import runtime_environment
from stepguard.webserver.site import REPORTS, Site
from stepguard.webserver.views import Views

PREFIX = "stepguard-local"
MACHINES = (f"{PREFIX}-chat", f"{PREFIX}-evaluate")
"""The state machines."""

EVALUATION_BUCKET = "stepguard-evaluations"
"""The bucket of corpora and results; the embedded AWS keeps it in the state folder, so that a run outlives its
process."""

SETTINGS = (
    "LLM_",
    "KNOWLEDGE_",
    "EMPTYMESSAGE",
    "ERRORMESSAGE",
    "MESSAGES",
    "ANSWER_HOURS",
    "CONVERSATION_DAYS",
    "OTEL_EXPORTER_OTLP_",
    "CONVERSATION_GUARD_TURNS",
    "EVALUATION_MAX_",
    "REVIEW_",
    UNGUARDED,
    REASONING_BLOCKS,
)
"""The user's variables that the embedded Lambdas get, besides those of the guardrails."""


ASSISTANT = "ASSISTANT"
"""`yes` gathers what an answer rests on for every question; `no` for none, and then there are no conversations. By
default it is done in conversations, and for every question as soon as there is knowledge or a curated answer."""

OF_KNOWLEDGE = ("retrieve_passages", "guard_passages")
"""The Lambdas that use the knowledge base, of which each has a twin without one."""

ALONE = "_alone"
"""The end of the twins' names."""

PATIENCE_SECONDS = 300.0
"""The longest wait for another command that uses the same state folder."""

HTTP_API = HttpApi(f"{PREFIX}-api_handler")
"""The API in front of app.py, with the routes that app.py declares."""

WEBSOCKET_API = WebSocketApi(f"{PREFIX}-stream", ROUTES)
"""The API of streamed answers."""

AFTER_INPUT = {"execution": "detail.executionArn", "name": "detail.name", "redrives": "detail.redriveCount"}
"""The input of after.asl.json, from the event that starts it; it has no text of the chat."""

ENDINGS = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})
"""The ends of a chat's execution, after each of which after.asl.json runs."""


@contextmanager
def embedded(
    home: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    serve: bool = False,
    recover: bool = True,
    moto_api: bool = False,
    rates: Mapping[str, Rate] | None = None,
    judges: bool = False,
) -> Iterator[Session]:
    """A session on the embedded AWS of a state folder.

    If another process serves the folder, the session uses that one; otherwise it starts one and deploys everything into
    it. Without `recover`, executions that a killed process left unfinished stay unfinished. With `moto_api`, moto's
    control interface is served. `rates` are request quotas (stepguard/session/quotas.py). A session that `judges` texts
    starts the guardrails' worker before it deploys. Raises FolderInUseError, StateFolderError, StepguardError.
    """
    if missing := missing_packages():
        raise ConfigurationError(
            f"The model files {', '.join(missing)} are not installed: run `stepguard models install`."
        )
    use_settings_file(find_project(), os.environ)
    unguarded = read_settings(os.environ).unguarded  # an incomplete pair must fail here, before anything starts
    url = None if serve else announced(home)
    with ExitStack() as opened:
        cloud = None
        if url is None:
            try:
                cloud = _start(opened, home, host, port, serve=serve, recover=recover, moto_api=moto_api, rates=rates)
            except FolderInUseError as error:
                if serve or not error.endpoint:
                    raise
                url = error.endpoint
        if cloud and judges and not unguarded:
            cloud.bedrock.warm_up()  # it loads the detectors while this process deploys
        _point_at(cloud.url if cloud else str(url))
        if unguarded:
            sys.stderr.write(_UNGUARDED if cloud else _UNGUARDED_ELSEWHERE.format(url=url))
        deployed = deploy(cloud, serve=serve) if cloud else None

        executions = Executions(_machine_arn(), conversations=CONVERSATION_ARN)

        def find_layers() -> Mapping[Layer, GuardrailRef]:
            return deployed if deployed is not None else deployed_layers(executions) | read_guardrails(os.environ)

        evaluations = Evaluations(_machine_arn("evaluate"), EVALUATION_BUCKET)
        place = cloud.url if cloud else url
        yield Session(executions, find_layers, place, cloud, cloud is None, evaluations, choose_definitions)


_UNGUARDED = "stepguard: UNGUARDED=yes: no guard layer is on, and every answer is delivered unguarded.\n"
_UNGUARDED_ELSEWHERE = "stepguard: UNGUARDED=yes has no effect here: set it for the `stepguard serve` at {url}.\n"


def _start(
    opened: ExitStack,
    home: Path,
    host: str,
    port: int,
    *,
    serve: bool,
    recover: bool,
    moto_api: bool,
    rates: Mapping[str, Rate] | None,
) -> EmbeddedCloud:
    """The folder's embedded AWS in this process; waits for another command that uses the folder."""

    views = Views(lambda: Executions(_machine_arn()), lambda: named(KNOWLEDGE_NAME))
    site = Site(reports=home / REPORTS, views=views) if serve else None
    streams = find_project().records_answers and read_settings(os.environ).streaming is not Mode.OFF
    traces = bool(os.environ.get(COLLECTOR, "").strip())
    reviews = find_project().records_answers and bool(read_settings(os.environ).review)
    if reviews:
        read_rule(read_settings(os.environ).review)  # a wrong rule must fail here, not after the first chat
    constants = {"traces": "yes" if traces else "no", "review": "yes" if reviews else "no"}
    after = Rule(_machine_arn(), ENDINGS, _machine_arn("after"), AFTER_INPUT, constants)
    rules = (after,) if streams or traces or reviews else ()

    def start(patience: float) -> EmbeddedCloud:
        cloud = EmbeddedCloud(
            home,
            HTTP_API,
            host=host,
            port=port,
            announce=serve,
            site=site,
            patience=patience,
            buckets=(EVALUATION_BUCKET, KNOWLEDGE_BUCKET, ANSWER_BUCKET),
            tables=(Table(ANSWERS, "id", "expires", "turn"),),
            recover=recover,
            moto_api=moto_api,
            rates=rates,
            rules=rules,
            websocket_api=WEBSOCKET_API,
        )
        return opened.enter_context(cloud)

    try:
        return start(1)
    except FolderInUseError as error:
        if error.endpoint:
            raise
    sys.stderr.write(f"stepguard: waiting for another stepguard process, which uses {home}\n")
    return start(PATIENCE_SECONDS)


def deploy(cloud: EmbeddedCloud, *, serve: bool = False) -> dict[Layer, GuardrailRef]:
    """Guardrails, Lambdas and the state machine, through the same API calls as on AWS. Returns the layers.

    UNGUARDED=yes leaves every layer off. A layer whose two variables the user's environment sets uses that guardrail
    instead of the project's file; the other layers keep theirs, so that one pair never switches the others off.
    """
    layers = {} if read_settings(os.environ).unguarded else _apply_layers() | read_guardrails(os.environ)
    project = find_project()
    environment = _lambda_environment(cloud.url, layers)
    role = f"arn:aws:iam::{cloud.account.account_id}:role/local"
    environment = {"KNOWLEDGE_BASE_ACCESS": "groups"} | environment
    environment[KNOWLEDGE_BASE_ID] = create_knowledge_base(cloud, role)
    environment |= _passage_guardrail(project) | runtime_environment(cloud, serve=serve)
    if project.records_answers:
        environment["ANSWER_TABLE"] = ANSWERS
    environment[CONVERSATIONS] = "yes" if _assistant() is not False and project.records_answers else "no"
    settings = project.lambdas()
    without = {name: value for name, value in environment.items() if name != KNOWLEDGE_BASE_ID}
    cloud.register(
        FunctionConfig(
            name=f"{PREFIX}-{entry.name}{ending}",
            handler=entry.handler,
            task_root=project.application,
            environment=variables,
            timeout=entry.timeout,
            memory=entry.memory,
            concurrency=entry.concurrency,
        )
        for entry in settings
        for ending, variables in (("", environment), (ALONE, without))
        if not ending or entry.name in OF_KNOWLEDGE
    )
    choose_definitions(cloud)
    return layers


def choose_definitions(cloud: EmbeddedCloud | None = None) -> None:
    """Put the state machines where they run.

    The questions of conversations run a version with the box, which loads their turns. Other questions and evaluations
    have the box as soon as there is a document or a curated answer. ASSISTANT=yes or no decides otherwise. Without
    documents the parts of knowledge are skipped, as without a knowledge base, so that a question without a curated
    answer goes to the model. Raises StepguardError.
    """
    project, account = find_project(), "us-east-1:000000000000"
    names = [entry.name for entry in project.lambdas()]
    arns = {name: f"arn:aws:lambda:{account}:function:{PREFIX}-{name}" for name in names}
    role = "arn:aws:iam::000000000000:role/local"
    given, documents = _assistant(), has_documents(cloud)
    gathers = given if given is not None else documents or has_answers(cloud)
    if not documents:
        arns |= {name: f"{arns[name]}{ALONE}" for name in OF_KNOWLEDGE if name in arns}
    if given is not False:
        put_version(CONVERSATION_ARN, project.chat_definition(arns, assistant=True), role)
    put_state_machine(_machine_arn(), project.chat_definition(arns, assistant=gathers), role)
    put_state_machine(_machine_arn("evaluate"), project.evaluation_definition(arns, assistant=gathers), role)
    put_state_machine(_machine_arn("review"), project.review_definition(), role)
    put_state_machine(_machine_arn("after"), project.after_definition(arns, _machine_arn("review")), role)


def _assistant() -> bool | None:
    """What the user's ASSISTANT says; None if it is not set. Raises ConfigurationError."""
    given = os.environ.get(ASSISTANT, "").strip().lower()
    if given not in ("", "yes", "no"):
        raise ConfigurationError(f"{ASSISTANT} is '{given}'; it must be yes or no.")
    return None if not given else given == "yes"


def _passage_guardrail(project: Project) -> dict[str, str]:
    """The guardrail of passages: the user's own, or the project's file; none with UNGUARDED=yes."""
    if read_settings(os.environ).unguarded:
        return {}
    ref = read_pair(os.environ, PASSAGE_VARIABLES, "guard of passages")
    if ref is None:
        files = read_guardrail_files([project.passage_guardrail])
        (applied,) = apply_files(files).values()
        ref = applied.ref
    return dict(zip(PASSAGE_VARIABLES, (ref.id, ref.version), strict=True))


def _apply_layers() -> dict[Layer, GuardrailRef]:
    files = read_guardrail_files(find_project().guardrails)
    return {Layer(file.stem): applied.ref for file, applied in apply_files(files).items()}


def _lambda_environment(url: str, layers: Mapping[Layer, GuardrailRef]) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name.startswith(SETTINGS)}
    environment[VARIABLE_OF_LIMIT["cost"]] = str(UNLIMITED)  # nothing here costs anything
    environment["CHAT_OPERATORS"] = ANONYMOUS  # the embedded AWS checks no signatures
    for layer, ref in layers.items():
        id_variable, version_variable = VARIABLES[layer]
        environment |= {id_variable: ref.id, version_variable: ref.version}
    places = {
        "AWS_ENDPOINT_URL": url,
        ENDPOINT: f"{url}/{WEBSOCKET_API.stage}",
        "STATE_MACHINE_ARN": _machine_arn(),
        CONVERSATION_MACHINE: CONVERSATION_ARN,
        "EVALUATION_STATE_MACHINE_ARN": _machine_arn("evaluate"),
        "EVALUATION_BUCKET": EVALUATION_BUCKET,
        ANSWER_BANK: ANSWER_ADDRESS,
        REVIEWS: _machine_arn("review"),
    }
    return environment | _CREDENTIALS | places


_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "stepguard",
    "AWS_SECRET_ACCESS_KEY": "stepguard",  # the embedded AWS checks no signature
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def _point_at(url: str) -> None:
    """Send this process's AWS calls to an endpoint, regardless of the user's profile, region, proxy and endpoints."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    os.environ.update(_CREDENTIALS | nowhere | {"AWS_ENDPOINT_URL": url})
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), urlsplit(url).hostname)))


def _machine_arn(name: str = "chat") -> str:
    return f"arn:aws:states:us-east-1:000000000000:stateMachine:{PREFIX}-{name}"


CONVERSATION_ARN = f"{_machine_arn()}:conversations"
"""The alias of the version that questions of conversations run."""
