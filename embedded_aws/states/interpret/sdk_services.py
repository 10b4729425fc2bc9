"""The names of AWS services in `aws-sdk:` integrations and in the names of their errors.

An integration has the SDK for Java's name of a service: its service id in lower case without blanks, and without
"Service". botocore's names are the same without hyphens, but for those in the table.
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from botocore.exceptions import ParamValidationError, UnknownServiceError
from botocore.loaders import Loader

from embedded_aws.states.language.json_text import Json
from embedded_aws.wire import service_model

_OTHERS = {
    "applicationdiscovery": "discovery",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "costandusagereport": "cur",
    "costexplorer": "ce",
    "databasemigration": "dms",
    "directory": "ds",
    "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearch": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuilding": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntime": "lex-runtime",
    "lexruntimev2": "lexv2-runtime",
    "marketplaceentitlement": "marketplace-entitlement",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "pinpointsmsvoice": "sms-voice",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
    "simpledb": "sdb",
}
_RETIRED = {"honeycode", "iotanalytics", "lookoutmetrics", "lookoutvision", "opsworks", "qldb", "robomaker"}
"""Services that ended and that botocore has dropped: published definitions name them. Their calls fail here."""
_OLD_SDK = {"dynamodb": "AmazonDynamoDBv2", "lambda": "AWSLambda", "sns": "AmazonSNS", "sqs": "AmazonSQS"}
"""Services whose optimised integration words its errors as the first SDK for Java does."""
_OPTIMISED_PREFIXES = {"dynamodb": "DynamoDB", "ecs": "ECS", "events": "EventBridge", "sns": "SNS", "sqs": "SQS"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@cache
def _plain_names() -> dict[str, str]:
    names = Loader().list_available_services("service-2")
    return {re.sub(r"[^a-z0-9]", "", name): name for name in names}


def client_name(service: str) -> str | None:
    """botocore's name for the service of `aws-sdk:service:action`, or of an optimised integration; None if unknown."""
    return _OTHERS.get(service) or _plain_names().get(service.replace("-", ""))


@cache
def has_action(service: str, action: str) -> bool:
    """Whether `aws-sdk:service:action` is an operation of a service."""
    if service in _RETIRED:
        return True
    name = client_name(service)
    if name is None:
        return False
    try:
        return action[:1].islower() and action[:1].upper() + action[1:] in service_model(name).operation_names
    except UnknownServiceError:
        return False


@cache
def error_prefix(service: str, *, optimised: bool) -> str:
    """What comes before the dot in an error's name: `DynamoDb.ConditionalCheckFailedException`."""
    if optimised and service in _OPTIMISED_PREFIXES:
        return _OPTIMISED_PREFIXES[service]
    name = client_name(service)
    words = _WORD.findall(service_model(name).metadata["serviceId"].removesuffix(" Service")) if name else [service]
    return "".join(word[:1].upper() + word[1:].lower() for word in words)


def error_cause(service: str, message: str, status: int, code: str, request: str, *, optimised: bool) -> str:
    """The cause of a failed call, as the SDK that AWS uses for the integration words it."""
    if optimised and service in _OLD_SDK:
        about = f"Service: {_OLD_SDK[service]}; Status Code: {status}; Error Code: {code}; "
        about += f"Request ID: {request}; Proxy: null"
    else:
        about = f"Service: {error_prefix(service, optimised=optimised)}, Status Code: {status}, Request ID: {request}"
    return f"{message} ({about})"


_PARAMETER = re.compile(
    r'^(?:(Missing) required|Unknown) parameter in [^:]*: "([^"]+)"|^Invalid \w+ for parameter ([^,\s]+)', re.MULTILINE
)


def parameter_faults(error: ParamValidationError) -> str:
    """What is wrong with a call's parameters, in Step Functions' words, without the types of this client."""
    return ", ".join(
        f"The value for the field '{wrong}' is not valid"
        if wrong
        else f"The field '{name}' {'is required but was missing' if missing else 'is not supported by Step Functions'}"
        for missing, name, wrong in _PARAMETER.findall(str(error.kwargs["report"]))
    )


def sdk_metadata(headers: Mapping[str, str], request: str, status: int = 200) -> dict[str, Json]:
    """What the SDK of an integration adds to each response."""
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": dict(headers),
            "HttpStatusCode": status,
        },
        "SdkResponseMetadata": {"RequestId": request},
    }
