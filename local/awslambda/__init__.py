"""The embedded Lambda: functions of a project folder, run in warm worker processes under Lambda's contract."""

from local.awslambda.config import FunctionConfig, InvokeResult
from local.awslambda.functions import Functions
from local.awslambda.service import LambdaBackend

__all__ = ["FunctionConfig", "Functions", "InvokeResult", "LambdaBackend"]
