"""The embedded Lambda: functions of a project folder, run in warm worker processes under Lambda's contract."""

from embedded_aws.lambda_.config import FunctionConfig, InvokeResult
from embedded_aws.lambda_.functions import Functions
from embedded_aws.lambda_.service import LambdaBackend

__all__ = ["FunctionConfig", "Functions", "InvokeResult", "LambdaBackend"]
