"""Every action that a role of the template allows, by role."""

from __future__ import annotations

NETWORK = {"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"}
LAMBDA = {"logs:CreateLogStream", "logs:PutLogEvents"} | NETWORK
"""What every Lambda may do: write its own log and, in a VPC, have network interfaces."""

POSTS = {"execute-api:ManageConnections"}
"""Frames for who listens to an execution, only with Streaming=yes."""

KEY = {"kms:Decrypt", "kms:GenerateDataKey"}
_DELIVERS = (
    "CreateLogDelivery DeleteLogDelivery DescribeLogGroups DescribeResourcePolicies "
    "GetLogDelivery ListLogDeliveries PutResourcePolicy UpdateLogDelivery"
)
_TRACES = "GetSamplingRules GetSamplingTargets PutTelemetryRecords PutTraceSegments"
MACHINE = KEY | {
    "lambda:InvokeFunction",
    *map("logs:{}".format, _DELIVERS.split()),
    *map("xray:{}".format, _TRACES.split()),
}

SETTINGS = {"appconfig:GetLatestConfiguration", "appconfig:StartConfigurationSession"}

ACTIONS = {
    "ApiHandlerRole": LAMBDA
    | SETTINGS
    | KEY
    | {
        "bedrock:ApplyGuardrail",  # on the reason of a feedback
        "bedrock:GetGuardrail",  # the names of the guardrails in a trace
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "s3:GetObject",  # a run's results, also through the links that it signs
        "s3:ListBucket",  # without it S3 answers 403 for an object that is not there yet, instead of 404
        "states:DescribeExecution",
        "states:DescribeMapRun",
        "states:DescribeStateMachineForExecution",
        "states:GetExecutionHistory",
        "states:ListExecutions",
        "states:ListMapRuns",
        "states:RedriveExecution",
        "states:StartExecution",
        "states:StartSyncExecution",
        "states:StopExecution",
    },
    "GuardInputRole": LAMBDA | SETTINGS | POSTS | {"bedrock:ApplyGuardrail"},
    "RewriteQuestionRole": LAMBDA
    | POSTS
    | {"bedrock:ApplyGuardrail", "bedrock:InvokeModel", "sagemaker:InvokeEndpoint"},
    "GuardRewriteRole": LAMBDA | POSTS | {"bedrock:ApplyGuardrail"},
    "FindAnswerRole": LAMBDA | POSTS | {"bedrock:InvokeModel", "kms:Decrypt", "s3:GetObject", "s3:ListBucket"},
    "RetrievePassagesRole": LAMBDA | POSTS | {"bedrock:InvokeModel", "bedrock:Rerank", "bedrock:Retrieve"},
    "GuardPassagesRole": LAMBDA | POSTS | {"bedrock:ApplyGuardrail"},
    "InvokeModelRole": LAMBDA
    | POSTS
    | {
        "bedrock:ApplyGuardrail",
        "bedrock:InvokeModel",
        "bedrock:InvokeModelWithResponseStream",  # pieces of an answer
        "bedrock:Retrieve",
        "bedrock:RetrieveAndGenerate",
        "sagemaker:InvokeEndpoint",
    },
    "GuardAnswerRole": LAMBDA | POSTS | {"bedrock:ApplyGuardrail"},
    "StreamRole": LAMBDA
    | SETTINGS
    | KEY
    | POSTS
    | {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "states:DescribeExecution",
        "states:StartExecution",
    },
    "NotifyListenerRole": LAMBDA
    | SETTINGS
    | KEY
    | POSTS
    | {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem", "states:DescribeExecution"},
    "AfterStateMachineRole": MACHINE | {"dynamodb:GetItem", "dynamodb:PutItem", "states:StartExecution"},
    "ReviewStateMachineRole": (MACHINE - {"lambda:InvokeFunction"}) | {"dynamodb:PutItem", "dynamodb:UpdateItem"},
    "SelectReviewRole": LAMBDA | {"kms:Decrypt", "states:DescribeExecution"},
    "JudgeShadowRole": LAMBDA | {"bedrock:ApplyGuardrail", "kms:Decrypt", "states:DescribeExecution"},
    "ExportTraceRole": LAMBDA | {"bedrock:GetGuardrail", "kms:Decrypt", "states:GetExecutionHistory"},
    "AfterRuleRole": {"states:StartExecution"},
    "PrepareCorpusRole": LAMBDA
    | KEY
    | {
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
    },
    "SummarizeCorpusRole": LAMBDA | KEY | {"s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket", "s3:PutObject"},
    "KnowledgeRole": KEY
    | {
        "bedrock:InvokeModel",
        "s3:GetObject",
        "s3:ListBucket",
        "s3vectors:DeleteVectors",
        "s3vectors:GetIndex",
        "s3vectors:GetVectors",
        "s3vectors:ListVectors",
        "s3vectors:PutVectors",
        "s3vectors:QueryVectors",
    },
    "SettingsAlarmRole": {"cloudwatch:DescribeAlarms"},
    "ChatStateMachineRole": MACHINE | {"dynamodb:Query", "dynamodb:UpdateItem"},
    "EvaluateStateMachineRole": MACHINE
    | {
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
        "states:DescribeExecution",
        "states:StartExecution",
        "states:StopExecution",
    },
}
