"""State machines made of others: assistant.asl.json, evaluate.asl.json and evaluate_assistant.asl.json.

    python -m stepguard.project.definitions [--check] [FOLDER]

assistant.asl.json is chat.asl.json with the box of gather.asl.json. The Map state EvaluateItems of evaluate.asl.json
has the states of chat.asl.json as its item processor, that of evaluate_assistant.asl.json those of assistant.asl.json;
their other parts are written by hand in evaluate.asl.json. The composed files are committed, and this module checks
that they never differ from their sources; every reader of a definition takes a complete file. An item leaves out the
states that write an answer to the table of the API: its answer is in the results of its evaluation.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stepguard.guard.errors import Throttled

CHAT, GATHER, ASSISTANT = "chat.asl.json", "gather.asl.json", "assistant.asl.json"
EVALUATE, EVALUATE_ASSISTANT = "evaluate.asl.json", "evaluate_assistant.asl.json"

BOX = "GatherContext"
"""The Parallel state that gathers what an answer rests on; it is in the assistant only."""

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

LOADS = "arn:aws:states:::aws-sdk:dynamodb:"
"""The same of a state that reads from it: an item of an evaluation is no turn of a conversation."""

_RECORDED = ("verdict", "record.$", "turn", "turn.$")
"""What a stage keeps only for these states."""


class DefinitionError(Exception):
    """A definition cannot be read, or a composed one does not hold the states of its sources."""


def compose_assistant(chat: str, gather: str) -> str:
    """chat.asl.json with the states of gather.asl.json; both are JSON texts.

    A state of the same name replaces the chat's. A state that nothing leads to any more is left out. Raises ValueError,
    KeyError or TypeError for a text that is no such definition.
    """
    definition: dict[str, Any] = json.loads(chat)
    box: dict[str, Any] = json.loads(gather)["States"]
    before = definition["States"]
    states: dict[str, Any] = {}
    for name, state in before.items():
        states[name] = box.get(name, state)
        if name in box:
            states |= {added: state for added, state in box.items() if added not in before}
    reached = _reached(states, definition["StartAt"])
    definition["Comment"] = f"{definition['Comment']} Its context comes from the box {BOX}."
    definition["States"] = {name: state for name, state in states.items() if name in reached}
    return _written(definition)


def _reached(states: Mapping[str, Any], start: str) -> set[str]:
    reached: set[str] = set()
    open_states = [start]
    while open_states:
        name = open_states.pop()
        if name not in reached:
            reached.add(name)
            open_states += _targets({key: value for key, value in states[name].items() if key != "Branches"})
    return reached


def _targets(value: Any) -> list[str]:
    if isinstance(value, dict):
        inner = [name for item in value.values() for name in _targets(item)]
        return inner + [value[key] for key in ("Next", "Default") if isinstance(value.get(key), str)]
    return [name for item in value for name in _targets(item)] if isinstance(value, list) else []


def compose_evaluation(evaluate: str, chat: str) -> str:
    """evaluate.asl.json with the states of `chat` as its item processor; both are JSON texts.

    Composing twice changes nothing. ProcessorConfig, with its ExecutionType (EXPRESS, STANDARD or a `${placeholder}`),
    stays as it is. Raises ValueError, KeyError or TypeError for a text that is no such definition.
    """
    definition: dict[str, Any] = json.loads(evaluate)
    source = json.loads(chat)
    states = without_records(source["States"])
    for state in lambda_tasks(states):
        state["ResultSelector"] |= _KEPT
        for retrier in state["Retry"]:
            if Throttled.__name__ in retrier["ErrorEquals"]:
                retrier["MaxAttempts"] = ITEM_ATTEMPTS
        for name in _RECORDED:
            state["ResultSelector"].pop(name, None)
    definition["States"][ITEMS]["ItemProcessor"] |= {"StartAt": source["StartAt"], "States": states}
    return _written(definition)


def lambda_tasks(states: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The states that call a Lambda, those inside a box included."""
    for state in states.values():
        if state["Type"] == "Task" and not _uses_table(state):
            yield state
        for branch in state.get("Branches", ()):
            yield from lambda_tasks(branch["States"])


def without_records(states: dict[str, Any]) -> dict[str, Any]:
    """A copy of the states without those that record; what leads to one of these leads to the state after it."""
    after = {name: state["Next"] for name, state in states.items() if _uses_table(state)}

    def led(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: _past(item, after) if key in ("Next", "Default") else led(item) for key, item in value.items()}
        return [led(item) for item in value] if isinstance(value, list) else value

    kept = {name: led(state) for name, state in states.items() if name not in after}
    for state in kept.values():
        for branch in state.get("Branches", ()):
            branch["States"] = without_records(branch["States"])
    return kept


def _uses_table(state: Mapping[str, Any]) -> bool:
    return str(state.get("Resource")).startswith((RECORDS, LOADS))


def _past(state: str, after: dict[str, str]) -> str:
    while state in after:
        state = after[state]
    return state


def check_composed(folder: Path) -> None:
    """Raise DefinitionError unless each composed file of the folder holds the states of its sources."""
    for name, composed in compose(folder).items():
        if json.loads(_read(folder, name)) != json.loads(composed):
            command = f"python -m stepguard.project.definitions {folder}"
            raise DefinitionError(f"{name} does not hold the states of {' and '.join(SOURCES[name])}: run `{command}`.")


def write_composed(folder: Path) -> None:
    """Write the folder's composed files again. Raises DefinitionError, OSError."""
    for name, composed in compose(folder).items():
        (folder / name).write_text(composed, encoding="utf-8")


SOURCES = {
    ASSISTANT: (CHAT, GATHER),
    EVALUATE: (CHAT,),
    EVALUATE_ASSISTANT: (EVALUATE, ASSISTANT),
}
"""The files of which each composed file is made; evaluate.asl.json has parts of its own as well."""


def compose(folder: Path) -> dict[str, str]:
    """The composed files of a folder, by name. Raises DefinitionError."""
    chat, gather, evaluate = (_read(folder, name) for name in (CHAT, GATHER, EVALUATE))
    assistant = _composed(folder, ASSISTANT, compose_assistant, chat, gather)
    return {
        ASSISTANT: assistant,
        EVALUATE: _composed(folder, EVALUATE, compose_evaluation, evaluate, chat),
        EVALUATE_ASSISTANT: _composed(folder, EVALUATE_ASSISTANT, compose_evaluation, evaluate, assistant),
    }


def _read(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="utf-8")
    except OSError as error:
        raise DefinitionError(f"{error.filename} cannot be read: {error.strerror}.") from None


def _composed(folder: Path, name: str, function: Callable[[str, str], str], *sources: str) -> str:
    try:
        return function(*sources)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        files = " or ".join(dict.fromkeys((name, *SOURCES[name])))
        raise DefinitionError(f"{files} in {folder} is not a state machine of stepguard: {error!r}.") from None


def _written(definition: Mapping[str, Any]) -> str:
    return json.dumps(definition, indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Exit code 0, or 1 when a file cannot be written or, with --check, does not hold its sources' states."""
    words = [word for word in arguments if word != "--check"]
    folder = Path(words[0] if words else "statemachine")
    try:
        (check_composed if "--check" in arguments else write_composed)(folder)
    except (DefinitionError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
