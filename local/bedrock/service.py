"""The embedded Bedrock, put together."""

from __future__ import annotations

from pathlib import Path

from local.bedrock.control import Control
from local.bedrock.detection import Detection, LocalDetection
from local.bedrock.models.catalogue import Catalogue
from local.bedrock.runtime import Runtime
from local.bedrock.sagemaker import SageMakerRuntime
from local.bedrock.store import Store
from local.wire import Account


class Bedrock:
    """Three backends for `local.wire.JsonService`: `control` (bedrock), `runtime` (bedrock-runtime) and
    `sagemaker_runtime` (sagemaker-runtime). Guardrails are kept in the SQLite file `database`; models and detectors
    are loaded when first used, and can be replaced.
    """

    def __init__(
        self,
        database: Path,
        account: Account | None = None,
        *,
        detection: Detection | None = None,
        models: Catalogue | None = None,
    ) -> None:
        models = models or Catalogue()
        self._store = Store(database)
        self.control = Control(self._store, account or Account())
        self.runtime = Runtime(self.control.get, detection or LocalDetection(), models)
        self.sagemaker_runtime = SageMakerRuntime(models)

    def close(self) -> None:
        """Close the database."""
        self._store.close()
