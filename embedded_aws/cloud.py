"""The embedded AWS: all emulated services of one state folder, behind one endpoint.

One process at a time owns a state folder. The reason: the engine resumes executions that a dead process left behind, so
a second engine on the same folder would resume the first one's running executions. A process that serves writes
`endpoint.json`. The lock and that file become invalid when the process ends, even if it is killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from botocore.config import Config
from botocore.session import Session

from embedded_aws.appconfig import AppConfig
from embedded_aws.bedrock.api.service import Bedrock
from embedded_aws.dynamodb import Table, Tables, TableService
from embedded_aws.endpoint import Endpoint, HttpApi, WebSocketApi
from embedded_aws.endpoint.site import Site
from embedded_aws.events.rules import EventRules, Rule
from embedded_aws.lambda_.config import FunctionConfig
from embedded_aws.lambda_.functions import Functions
from embedded_aws.lambda_.service import LambdaBackend
from embedded_aws.s3.buckets import Buckets, BucketService
from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaInvokeError, LambdaResult
from embedded_aws.wire import Account, JsonService, LateService, Quotas, Rate, ServiceError


class FolderInUseError(Exception):
    """Another process owns the state folder; `endpoint` is its address if it serves one."""

    def __init__(self, home: Path, endpoint: str | None) -> None:
        answers = f", which answers at {endpoint}" if endpoint else ""
        super().__init__(f"The state folder {home} is in use by another stepguard process{answers}.")
        self.endpoint = endpoint


class StateFolderError(Exception):
    """The state folder cannot be used; the message names the folder and the reason."""


VALIDATOR_SECONDS = 15.0
"""How long AppConfig waits for a Lambda that validates a configuration."""

REGISTRATION_SECONDS = 30.0
"""How long a task of a resumed execution waits for its function to be registered."""


class EmbeddedCloud:
    """AWS on this machine, kept in `home`. Use as a context manager: it starts on entry and stops on exit."""

    def __init__(
        self,
        home: Path,
        http_api: HttpApi | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        workers: int | None = None,
        account: Account | None = None,
        announce: bool = False,
        patience: float = 0.0,
        site: Site | None = None,
        buckets: tuple[str, ...] = (),
        tables: tuple[Table, ...] = (),
        recover: bool = True,
        moto_api: bool = False,
        rates: Mapping[str, Rate] | None = None,
        rules: tuple[Rule, ...] = (),
        websocket_api: WebSocketApi | None = None,
    ) -> None:
        """`http_api` and `websocket_api` are the application's APIs, if it has them; `buckets` and `tables` are stored
        in the folder, not in memory.

        `announce` writes endpoint.json for other processes; `patience` is the time to wait for the folder, in seconds.
        Without `recover`, executions that a killed process left behind are not resumed: for a process that only reads.
        `moto_api` serves moto's control interface.
        `rates` are request quotas (embedded_aws/wire/quotas.py); without them nothing is throttled.
        `rules` are those of the deployment, for status changes of executions.
        """
        self.account = account or Account()
        self.home = home
        self.url = ""
        self._http_api = http_api
        self._websocket_api = websocket_api
        self._site = site
        self._address = (host, port)
        self._workers = workers
        self._announce = announce
        self._patience = patience
        self._buckets = buckets
        self._tables = tables
        self._recover = recover
        self._moto_api = moto_api
        self._quotas = Quotas(rates, self.account)
        self._rules = EventRules(self.account, rules, self._start_execution, self._invoke_for_event)
        self.watch: Callable[[str, bytes], None] | None = None
        """Called with the name of each function that a state machine has called, and with its answer."""
        self._registered = threading.Event()
        self._clients: dict[str, Any] = {}
        self._making_clients = threading.Lock()
        self._open = ExitStack()

    def __enter__(self) -> EmbeddedCloud:
        """Start. Raises FolderInUseError, StateFolderError, and OSError when the address is taken."""
        with ExitStack() as opened:
            try:
                self._start(opened)
            except (sqlite3.Error, _FolderError) as error:
                raise StateFolderError(f"The state folder {self.home} cannot be used: {error}.") from None
            self._open = opened.pop_all()
        return self

    def _start(self, opened: ExitStack) -> None:
        """Start every service; `opened` ends them in the reverse order."""
        opened.enter_context(_locked(self.home, self._patience))
        for folder in (self.home / "logs", self.home / "buckets"):
            if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
                raise _FolderError(f"{folder.name} is not a folder")
        self.bedrock = Bedrock(
            self.home / "bedrock.sqlite3",
            self.account,
            workers=self._workers or os.cpu_count() or 1,
            quotas=self._quotas,
            s3=lambda: self._made_client("s3"),
        )
        opened.callback(self.bedrock.close)
        self.functions = Functions(self.account, self.home / "logs", self._workers, self._quotas)
        opened.callback(self.functions.close)
        opened.callback(self._registered.set)
        self.buckets = Buckets(self.home / "buckets", self._buckets)
        tables = Tables(self.home / "dynamodb.sqlite3", self._tables)
        opened.callback(tables.close)
        mocks = os.environ.get("SFN_MOCK_CONFIG")
        self.states = StepFunctions(
            self.home / "states.sqlite3",
            self._invoke,
            self.account,
            clients=self._client,
            mock_config=Path(mocks) if mocks else None,
            recover=self._recover,
            status_changed=self._rules.deliver,
        )
        opened.callback(self.states.close)
        self.appconfig = AppConfig(self.home / "appconfig.sqlite3", self._validate, self._alarmed)
        opened.callback(self.appconfig.close)
        self.endpoint = Endpoint(
            {
                "appconfig": [
                    LateService("appconfig", self.appconfig, self._quotas),
                    LateService("appconfigdata", self.appconfig.data, self._quotas),
                ],
                "states": [JsonService("stepfunctions", self.states, self._quotas)],
                "bedrock": [
                    JsonService("bedrock", self.bedrock.control, self._quotas),
                    JsonService("bedrock-runtime", self.bedrock.runtime, self._quotas),
                    LateService("bedrock-agent", self.bedrock.agent_control, self._quotas),
                    LateService("bedrock-agent-runtime", self.bedrock.agent_runtime, self._quotas),
                ],
                "sagemaker": [LateService("sagemaker-runtime", self.bedrock.sagemaker_runtime)],
                "lambda": [JsonService("lambda", LambdaBackend(self.functions), self._quotas)],
                "s3": [BucketService(self.buckets)],
                "dynamodb": [TableService(tables, self.account, self._quotas)],
            },
            self._http_api,
            host=self._address[0],
            port=self._address[1],
            functions=self.functions,
            account=self.account,
            site=self._site,
            moto_api=self._moto_api,
            websocket_api=self._websocket_api,
        )
        self.url = self.endpoint.start()
        opened.callback(self.endpoint.stop)
        opened.callback(self.bedrock.knowledge.close)  # an ingestion reads from this endpoint
        if self._recover:
            self.bedrock.knowledge.resume()
        if self._announce:
            file = self.home / "endpoint.json"
            try:
                file.write_text(json.dumps({"url": self.url}), encoding="utf-8")
            except OSError as error:
                raise _FolderError(f"{file.name}: {error.strerror or type(error).__name__}") from None
            opened.callback(lambda: file.unlink(missing_ok=True))

    def register(self, configs: Iterable[FunctionConfig]) -> None:
        """Register all Lambda functions at once: tasks of resumed executions wait for this."""
        for config in configs:
            self.functions.register(config)
        self._registered.set()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def warm_up(self) -> None:
        """Start a worker of the guardrails and of every function, so that the first request does not wait for them.

        Functions with a reserved concurrency have separate workers, which start when they are needed.
        """
        self.bedrock.warm_up()
        for config in self.functions.configs():
            if config.concurrency is None:
                self.functions.prewarm(config.name)

    def _client(self, service: str) -> Any:
        """A client of any other service at this endpoint, for service integrations and execution logs."""
        self._registered.wait(REGISTRATION_SECONDS)
        return self._made_client(service)

    def _made_client(self, service: str) -> Any:
        with self._making_clients:
            if service not in self._clients:
                config = Config(
                    retries={"total_max_attempts": 1},
                    inject_host_prefix=False,
                    proxies={},
                    s3={"addressing_style": "path"},
                )
                self._clients[service] = Session().create_client(
                    service,
                    region_name=self.account.region,
                    endpoint_url=self.url,
                    aws_access_key_id="stepguard",
                    aws_secret_access_key="stepguard",  # noqa: S106  the embedded AWS verifies no signature
                    config=config,
                )
            return self._clients[service]

    def _validate(self, function: str, payload: bytes) -> tuple[bytes, str | None]:
        """Call a validator of AppConfig."""
        result = self.functions.invoke(function, payload, VALIDATOR_SECONDS)
        return result.payload, result.function_error

    def _alarmed(self, alarms: Iterable[str]) -> bool:
        """Whether one of these alarms of CloudWatch is in the state ALARM."""
        names = [arn.rpartition(":")[2] for arn in alarms]
        found = self._made_client("cloudwatch").describe_alarms(AlarmNames=names)
        return any(alarm["StateValue"] == "ALARM" for alarm in (*found["MetricAlarms"], *found["CompositeAlarms"]))

    def _start_execution(self, machine: str, text: str) -> None:
        self.states.start_execution({"stateMachineArn": machine, "input": text})

    def _invoke_for_event(self, function: str, text: str) -> None:
        self._registered.wait(REGISTRATION_SECONDS)
        self.functions.invoke(function, text.encode())

    def _invoke(self, function: str, payload: bytes, timeout: float | None) -> LambdaResult:
        self._registered.wait(REGISTRATION_SECONDS)
        try:
            result = self.functions.invoke(function, payload, timeout)
        except ServiceError as error:
            raise LambdaInvokeError(error.code, error.message, error.status) from None
        if self.watch is not None:
            self.watch(function, result.payload)
        return LambdaResult(result.payload, result.status, result.function_error, result.executed_version)


def announced(home: Path) -> str | None:
    """The address of the process that serves this folder, if there is one."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        address = json.loads((home / "endpoint.json").read_text(encoding="utf-8"))
        with (home / "lock").open("rb") as lock:
            try:
                # The process that wrote the address holds the lock while it lives, so a reused pid cannot mislead.
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return str(address["url"])
    return None


class _FolderError(Exception):
    """The reason why the folder cannot be used."""


def _locked(home: Path, patience: float) -> IO[str]:
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (home / "lock").open("a", encoding="utf-8")
    except FileExistsError:
        raise _FolderError("it is not a folder") from None
    except OSError as error:
        name = "lock: " if home.is_dir() else ""
        raise _FolderError(name + (error.strerror or type(error).__name__)) from None
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            endpoint = announced(home)
            if endpoint or time.monotonic() >= deadline:
                lock.close()
                raise FolderInUseError(home, endpoint) from None
            time.sleep(0.1)
        else:
            return lock
