"""The embedded Lambda: functions of a project folder, run in warm worker processes under Lambda's contract."""

from local.awslambda.api import LambdaApi
from local.awslambda.config import FunctionConfig, InvokeResult
from local.awslambda.functions import Functions

__all__ = ["FunctionConfig", "Functions", "InvokeResult", "LambdaApi"]
