"""The AWS calls of one chat and of one item of an evaluation; tests/unit/project/test_calls.py counts them."""

from __future__ import annotations

from collections.abc import Mapping

from stepguard.guard.waiting import reads

SECONDS = 10.0
CHAT_CALLS: Mapping[str, int] = {
    "stepfunctions:StartExecution": 1,
    "stepfunctions:DescribeExecution": 0,
    "dynamodb:PutItem": 1,
    "dynamodb:GetItem": reads(SECONDS),
    "dynamodb:UpdateItem": 1,
    "dynamodb:TransactWriteItems": 1,
    "bedrock-runtime:ApplyGuardrail": 2,
    "bedrock-runtime:Converse": 1,
    "lambda:Invoke": 3,
}
"""Those of one answered chat of SECONDS; the state machine's own are included.

DescribeExecution is called for an execution that ends without writing its row, four times at most.
"""

ITEM_CALLS: Mapping[str, int] = {"bedrock-runtime:ApplyGuardrail": 2, "lambda:Invoke": 2}
"""Those of one document of an evaluation; the run's own do not grow with the number of items, except for pages."""
