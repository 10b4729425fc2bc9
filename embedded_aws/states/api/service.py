"""The embedded AWS Step Functions: one method per operation, on an Amazon States Language engine.

    from embedded_aws.states.api.service import StepFunctions
    from embedded_aws.states.interpret.ports import InvokeLambda, LambdaInvokeError, LambdaResult

    states = StepFunctions(Path(".stepguard/states.sqlite"), invoke, Account())
    states.start_execution({"stateMachineArn": arn, "input": "{}"})
    states.close()

`invoke` is an `InvokeLambda`: `invoke(function: str, payload: bytes, timeout: float | None) -> LambdaResult`, called
from several threads; it raises `TimeoutError` when `timeout` (seconds) passes and
`LambdaInvokeError("ResourceNotFoundException", message, 404)` or `("TooManyRequestsException", message, 429)` when
Lambda itself refuses. A `LambdaResult` with `function_error` set carries `{"errorType", "errorMessage"}` as payload:
the task fails with that error type and the payload text as its cause, as on AWS.

Methods take and return the members of botocore's `stepfunctions` model (datetimes are aware; blobs are bytes) and raise
`embedded_aws.wire.ServiceError`. To serve it over HTTP, use `embedded_aws.wire.JsonService("stepfunctions", states)`.
`close` stops the engine and writes all pending data; the next process can open the file again.

For tests, `clock=VirtualClock()` makes every wait and retry take no time.
API: https://docs.aws.amazon.com/step-functions/latest/apireference/Welcome.html
"""

from __future__ import annotations

from pathlib import Path

from embedded_aws.states.api.activities import ActivityOperations
from embedded_aws.states.api.executions import ExecutionOperations
from embedded_aws.states.api.machines import MachineOperations
from embedded_aws.states.api.map_runs import MapRunOperations
from embedded_aws.states.api.redrive import RedriveOperations
from embedded_aws.states.api.state_tests import TestStateOperations
from embedded_aws.states.api.tags import TagOperations
from embedded_aws.states.api.versions import VersionOperations
from embedded_aws.states.interpret.ports import AwsClients, Clock, InvokeLambda, SystemClock, TaskMocks
from embedded_aws.states.run.core import Core
from embedded_aws.states.run.nested import NestedExecutions
from embedded_aws.states.run.status_change import StatusChanged
from embedded_aws.wire import Account


class StepFunctions(
    MachineOperations,
    VersionOperations,
    ExecutionOperations,
    RedriveOperations,
    MapRunOperations,
    ActivityOperations,
    TestStateOperations,
    TagOperations,
):
    """The service.

    `workers` bounds how many tasks block at the same time. `clients` gives boto3-like clients for tasks that call
    other AWS services, for S3 in a Distributed Map, and for logs. `mocks` may answer tasks instead of what they call;
    `mock_config` is a MockConfigFile.json of Step Functions Local (its variable is SFN_MOCK_CONFIG). Without `recover`,
    executions that a killed process left behind are not resumed: for a process that only reads. `status_changed` gets
    the event of EventBridge at each start and end of a STANDARD execution.
    """

    def __init__(
        self,
        database: Path,
        invoke: InvokeLambda,
        account: Account = Account(),  # noqa: B008  frozen, so one default serves all
        *,
        clock: Clock | None = None,
        workers: int = 32,
        clients: AwsClients | None = None,
        mocks: TaskMocks | None = None,
        mock_config: Path | None = None,
        recover: bool = True,
        status_changed: StatusChanged | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self.core = Core(database, invoke, account, clock, workers, clients, mocks, mock_config, status_changed)
        self.core.nested = NestedExecutions(self.start_execution, self.describe_execution, self.core.running.get)
        if recover:
            self.core.recover()

    def close(self) -> None:
        """Stop the engine cleanly. The next process on the same file resumes the executions that still run."""
        self.core.close()
