"""The rows of AWS's two samples of guardrail tests.

https://github.com/aws-samples/amazon-bedrock-samples, responsible_ai/tdd-guardrail and bedrock-guardrails-optimizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.guard.stages import Layer

INPUT = {"layers": [str(Layer.PREPROCESS)]}
MODEL = {"layers": [str(Layer.MODEL)]}


def tdd_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """tdd-guardrail: an INPUT test sends the query alone, an OUTPUT test sends the answer with source and query."""
    output = row["test_type"].strip().upper() == "OUTPUT"
    common = {"id": row.get("test_number"), "expected": row["expected_action"]}
    if output:
        passages = [text] if (text := row.get("test_content_grounding_source")) else None
        query, completion = row["test_content_query"], row.get("test_content_guard_content")
        return common | {"kind": "response", "query": query, "completion": completion, "passages": passages} | MODEL
    return common | {"kind": "document", "text": row["test_content_query"]} | INPUT


def optimizer_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """bedrock-guardrails-optimizer: each input goes to ApplyGuardrail as INPUT."""
    return {"kind": "document", "text": row["input"], "expected": row["expected"]} | INPUT
