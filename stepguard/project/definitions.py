"""The evaluation's state machine, made of two definitions: the item processor is the chat workflow's own states.

statemachine/evaluate.asl.json has a placeholder where the chat's states belong, so that there is no second copy.
"""

from __future__ import annotations

import copy
import json
from typing import Any

ITEMS = "EvaluateItems"
"""The Map state that runs the chat's states."""

_KEPT = {"entered.$": "$$.State.EnteredTime", "scores.$": "$.Payload.scores"}
"""What an evaluation keeps of a stage beside what a chat keeps: when it was entered (EXPRESS children have no history)
and the scores that stayed under a threshold."""


def evaluation_definition(evaluate: str, chat: str, execution_type: str = "EXPRESS") -> str:
    """evaluate.asl.json with the states of chat.asl.json as its item processor; both are given as JSON text.

    `execution_type` is EXPRESS or STANDARD, or a `${placeholder}` for it.
    """
    definition: dict[str, Any] = json.loads(evaluate)
    source = json.loads(chat)
    states = copy.deepcopy(source["States"])
    for state in states.values():
        if state["Type"] == "Task":
            state["ResultSelector"] |= _KEPT
    processor = definition["States"][ITEMS]["ItemProcessor"]
    processor["ProcessorConfig"]["ExecutionType"] = execution_type
    processor |= {"StartAt": source["StartAt"], "States": states}
    return json.dumps(definition, indent=2, ensure_ascii=False) + "\n"
