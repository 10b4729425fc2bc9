"""The evaluation's state machine runs the chat's own states: evaluate.asl.json holds a generated copy of them.

    python -m stepguard.project.definitions [--check] [FOLDER]

The Map state EvaluateItems of statemachine/evaluate.asl.json has the states of chat.asl.json as its item processor. All
other parts of the file are written by hand. This module replaces only that copy, so that it never differs from its
source; every reader of a definition takes the complete file. The copy leaves out the states that write an answer to the
table of the API: an item's answer is in the results of its evaluation.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stepguard.guard.errors import Throttled

CHAT, EVALUATE = "chat.asl.json", "evaluate.asl.json"

ITEMS = "EvaluateItems"
"""The Map state that runs the chat's states."""

_KEPT = {"entered.$": "$$.State.EnteredTime", "scores.$": "$.Payload.scores"}
"""What an evaluation keeps of a stage and a chat does not: when it was entered (EXPRESS children have no history) and
the scores below their thresholds."""


ITEM_ATTEMPTS = 10
"""How often a throttled stage of an item is tried again: an item is EXPRESS and ends within five minutes, and its error
must be in the results by then."""

RECORDS = "arn:aws:states:::dynamodb:"
"""The beginning of the Resource of a state that writes to the API's table."""

_RECORDED = ("verdict", "record.$")
"""What a stage keeps only for these states."""


class DefinitionError(Exception):
    """A definition cannot be read, or evaluate.asl.json does not hold the states of chat.asl.json."""


def compose_evaluation(evaluate: str, chat: str) -> str:
    """evaluate.asl.json with the states of chat.asl.json as its item processor; both are JSON texts.

    Composing twice changes nothing. ProcessorConfig, with its ExecutionType (EXPRESS, STANDARD or a `${placeholder}`),
    stays as it is. Raises ValueError, KeyError or TypeError for a text that is no such definition.
    """
    definition: dict[str, Any] = json.loads(evaluate)
    source = json.loads(chat)
    states = without_records(source["States"])
    for state in states.values():
        if state["Type"] == "Task":
            state["ResultSelector"] |= _KEPT
            for retrier in state["Retry"]:
                if Throttled.__name__ in retrier["ErrorEquals"]:
                    retrier["MaxAttempts"] = ITEM_ATTEMPTS
            for name in _RECORDED:
                state["ResultSelector"].pop(name, None)
    definition["States"][ITEMS]["ItemProcessor"] |= {"StartAt": source["StartAt"], "States": states}
    return json.dumps(definition, indent=2, ensure_ascii=False) + "\n"


def without_records(states: dict[str, Any]) -> dict[str, Any]:
    """A copy of the states without those that record; what leads to one of these leads to the state after it."""
    after = {name: state["Next"] for name, state in states.items() if str(state.get("Resource")).startswith(RECORDS)}

    def led(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: _past(item, after) if key in ("Next", "Default") else led(item) for key, item in value.items()}
        return [led(item) for item in value] if isinstance(value, list) else value

    return {name: led(state) for name, state in states.items() if name not in after}


def _past(state: str, after: dict[str, str]) -> str:
    while state in after:
        state = after[state]
    return state


def check_evaluation(folder: Path) -> None:
    """Raise DefinitionError unless the folder's evaluate.asl.json holds the states of its chat.asl.json."""
    evaluate, composed = _composed(folder)
    if json.loads(evaluate) != json.loads(composed):
        command = "python -m stepguard.project.definitions"
        raise DefinitionError(f"{EVALUATE} does not hold the states of {CHAT}: run `{command} {folder}`.")


def write_evaluation(folder: Path) -> None:
    """Write the folder's evaluate.asl.json again, from itself and chat.asl.json. Raises DefinitionError, OSError."""
    _, composed = _composed(folder)
    (folder / EVALUATE).write_text(composed, encoding="utf-8")


def _composed(folder: Path) -> tuple[str, str]:
    try:
        evaluate, chat = ((folder / name).read_text(encoding="utf-8") for name in (EVALUATE, CHAT))
        return evaluate, compose_evaluation(evaluate, chat)
    except OSError as error:
        raise DefinitionError(f"{error.filename} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DefinitionError(
            f"{EVALUATE} or {CHAT} in {folder} is not a state machine of stepguard: {error!r}."
        ) from None


def main(arguments: Sequence[str]) -> int:
    """Exit code 0, or 1 when the file cannot be written or, with --check, does not hold the chat's states."""
    words = [word for word in arguments if word != "--check"]
    folder = Path(words[0] if words else "statemachine")
    try:
        (check_evaluation if "--check" in arguments else write_evaluation)(folder)
    except (DefinitionError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
