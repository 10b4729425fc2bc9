"""The embedded Bedrock, put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from embedded_aws.bedrock.api.agent_control import AgentControl
from embedded_aws.bedrock.api.agent_runtime import AgentRuntime
from embedded_aws.bedrock.api.control import Control
from embedded_aws.bedrock.api.runtime import Runtime
from embedded_aws.bedrock.api.sagemaker import SageMakerRuntime
from embedded_aws.bedrock.api.store import Store
from embedded_aws.bedrock.detection import Detection, LocalDetection
from embedded_aws.bedrock.judge.judge import LocalJudge
from embedded_aws.bedrock.judge.metered import MeteredJudge
from embedded_aws.bedrock.judge.workers import WorkerJudge
from embedded_aws.bedrock.knowledge.embedding import Encoder, local_encoder
from embedded_aws.bedrock.knowledge.registry import Registry
from embedded_aws.bedrock.models.catalogue import Catalogue
from embedded_aws.bedrock.models.metered import MeteredModel
from embedded_aws.bedrock.models.worker import WorkerModel
from embedded_aws.wire import Account, Quotas, ServiceError
from embedded_aws.wire.quotas import UNLIMITED


class Bedrock:
    """The backends for `embedded_aws.wire.JsonService`: `control` (bedrock), `runtime` (bedrock-runtime),
    `agent_control` (bedrock-agent), `agent_runtime` (bedrock-agent-runtime) and `sagemaker_runtime`
    (sagemaker-runtime). Guardrails are kept in the SQLite file `database`, knowledge bases beside it; `s3` makes the
    client with which their documents are read. Models and detectors are
    loaded when first used, and can be replaced. The language model runs in a separate process. With `workers`,
    guardrails are applied in up to that many separate processes, else in the calling thread. `quotas` limit text units
    and tokens.
    """

    def __init__(
        self,
        database: Path,
        account: Account | None = None,
        *,
        detection: Detection | None = None,
        models: Catalogue | None = None,
        workers: int = 0,
        quotas: Quotas = UNLIMITED,
        s3: Callable[[], Any] | None = None,
        encoder: Encoder = local_encoder,
    ) -> None:
        self._model = None
        if models is None:
            self._model = WorkerModel()
            models = Catalogue(self._model)
        self._store = Store(database)
        account = account or Account()
        self.control = Control(self._store, account)
        self._workers = WorkerJudge(workers) if workers else None
        judge = MeteredJudge(self._workers or LocalJudge(detection or LocalDetection()), quotas)
        models = Catalogue(MeteredModel(models.language, quotas), MeteredModel(models.echo, quotas))
        self.runtime = Runtime(self.control.get, judge, models, encoder)
        self.sagemaker_runtime = SageMakerRuntime(models)
        self.knowledge = Registry(database.with_name("knowledge"), s3 or _no_s3, encoder)
        self.agent_control = AgentControl(self.knowledge, account)
        self.agent_runtime = AgentRuntime(self.knowledge, account, self.control.get, judge, models)

    def warm_up(self) -> None:
        """Start the first worker process, so that the first request need not wait for it."""
        if self._workers:
            self._workers.warm_up()

    def stop_generating(self) -> None:
        """Stop the answer that the local language model writes now; whoever waits for it gets an error."""
        if self._model:
            self._model.stop()

    def close(self) -> None:
        """End the worker processes and close the database."""
        if self._model:
            self._model.close()
        if self._workers:
            self._workers.close()
        self.knowledge.close()
        self._store.close()


def _no_s3() -> Any:
    raise ServiceError("InternalServerException", "This embedded Bedrock has no S3 from which to read documents.", 500)
