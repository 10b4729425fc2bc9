"""The files of a regression test that an execution becomes.

The case (request and expected result), a MockConfigFile.json of Step Functions Local with every task's result, and a
pytest module that runs both. The JSON contains people's texts, the Python never does.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepguard.guard.errors import InvalidRequest
from stepguard.guard.stages import STAGES
from stepguard.trace.diff import mapping, masked_texts
from stepguard.trace.document import masked
from stepguard.trace.evidence import no_answer_of
from stepguard.trace.exports.placeholders import Replacements
from stepguard.trace.exports.testcase import expectation, mock_config
from stepguard.trace.model import Trace, parsed
from stepguard.trace.reason import outcome_of
from stepguard.trace.replay import replayed

MACHINE = "stepguard-local-chat"
"""The state machine of the mocks: the chat of the embedded AWS."""

SETTINGS = ("LLM_API", "LLM_MODEL_ID")
"""The settings that a case keeps: another model may answer differently."""

_TEST = '''"""Recorded by `stepguard record`: {title}."""

from __future__ import annotations

from pathlib import Path

from stepguard.recording.contract import Recorded

CASE = Recorded(Path(__file__).with_name("{name}.json"))


def test_the_definition_takes_the_recorded_path(tmp_path: Path) -> None:
    """With the recorded task results, the current state machine takes the same path to the same answer."""
    assert CASE.with_mocks(tmp_path) == []
'''
_LIVE = '''

def test_the_guardrails_decide_as_recorded(tmp_path: Path) -> None:
    """On the embedded AWS with the current guardrails, the same request takes the same path to the same answer."""
    assert CASE.in_the_embedded_cloud(tmp_path) == []
'''


@dataclass(frozen=True, slots=True)
class Draft:
    """A case that is being made of an execution that has ended.

    `live`: the execution succeeded, so the case also runs on the embedded AWS with today's guardrails. `turn`: it was a
    turn of a conversation, and the case is its question alone.
    """

    name: str
    trace: Trace
    live: bool
    turn: bool
    replace: Replacements
    request: Mapping[str, Any]

    @property
    def asked_again(self) -> bool:
        """Whether the request has to run once more: with other words in it a model may answer differently, and a
        question alone takes another path than a turn."""
        return self.live and (self.turn or len(self.replace) > 0)

    def files(self, settings: Mapping[str, str], again: Trace | None = None) -> dict[str, str]:
        """The texts of the three files by their names; `again` is what the changed request became.

        Raises InvalidRequest if it ended in another way, or a task has no result.
        """
        expected = expectation(self.trace, self.replace)
        trace = self.trace if again is None else again
        if again is not None:
            replaced = expectation(again, Replacements())
            if replaced["outcome"] != expected["outcome"]:
                ends = f"ends {replaced['outcome']}, not {expected['outcome']}"
                raise InvalidRequest(f"{self._changed} the execution {ends}: no file was written. {self._advice}")
            if not self.turn and replaced["path"] != expected["path"]:
                raise InvalidRequest(
                    f"{self._changed} the execution takes another path, to {_end(replaced)} instead of "
                    f"{_end(expected)}: no file was written. {self._advice}"
                )
            expected = replaced
        kept = {key: settings[key] for key in SETTINGS if key in settings}
        case = {
            "name": self.name,
            "live": self.live,
            "settings": kept,
            "input": self.request,
            "expected": expected,
        }
        return {
            f"{self.name}.json": _json(case),
            f"{self.name}.mocks.json": _json(mock_config(trace, MACHINE, self.name, self.replace)),
            f"test_{self.name}.py": _TEST.format(name=self.name, title=self.name.replace("_", " "))
            + (_LIVE if self.live else ""),
        }

    @property
    def _changed(self) -> str:
        replaced = "With its personal data replaced" if len(self.replace) else ""
        alone = "Asked alone, without its conversation," if self.turn else ""
        return f"{replaced} and {alone[0].lower()}{alone[1:]}" if replaced and alone else replaced or alone

    @property
    def _advice(self) -> str:
        if not len(self.replace):
            return "Ask the whole question alone and record that."
        return "`stepguard record --keep-personal-data` records the original question."


def draft(document: Mapping[str, Any], trace: Trace, replace: Replacements, name: str | None = None) -> Draft:
    """The case of an execution with this input and history. Raises InvalidRequest if there is nothing to record."""
    request = replace.value(replayed(document, "recorded"))
    live, turn = trace.status == "SUCCEEDED", mapping(document.get("request")).get("conversation") is not None
    if turn and not live:
        raise InvalidRequest(
            "A turn of a conversation that did not succeed cannot be recorded: a question alone takes another path. "
            "Replay it and record the replay."
        )
    return Draft(_name(name, trace), trace, live, turn, replace, request)


def masked_values(trace: Trace) -> Replacements:
    """What the guardrails masked, each value with its placeholder."""
    replace = Replacements()
    for visit in trace.visits:
        for value, kind in masked_texts(masked(visit)).items():
            replace.add(value, kind)
    return replace


def texts_of(trace: Trace) -> list[str]:
    """Every text of a person or a model that the files contain."""
    document = mapping(parsed(trace.output) or parsed(trace.input))
    request = mapping(document.get("request") or mapping(parsed(trace.input)).get("request"))
    texts = [request.get(key) for key in ("text", "query", "completion")]
    texts += [mapping(item).get("text") for item in request.get("passages") or ()]
    texts += [mapping(document.get(key)).get("text") for key in (*(stage.key for stage in STAGES), "answer")]
    texts += [no_answer_of(visit).get("said") for visit in trace.visits]
    return [text for text in texts if isinstance(text, str)]


def _name(choice: str | None, trace: Trace) -> str:
    if choice is not None:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", choice):
            raise InvalidRequest("--name takes small letters, digits and underscores, a letter first.")
        return choice
    acted = [item["name"] for visit in trace.visits for item in visit.findings if item["action"] != "NONE"]
    last = trace.path[-1] if trace.path else "nothing"
    words = "_".join([outcome_of(trace), *dict.fromkeys(acted), last]).lower()
    # The same question is the same test; a different question gets its own test, even with the same result.
    request = json.dumps(mapping(parsed(trace.input)).get("request"), sort_keys=True)
    mark = hashlib.sha256(request.encode()).hexdigest()[:8]
    return re.sub(r"[^a-z0-9]+", "_", words)[:50].strip("_") + f"_{mark}"


def _end(expected: Mapping[str, Any]) -> str:
    """The state that a path ends at."""
    return str(expected["path"][-1]) if expected["path"] else "no state"


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=True) + "\n"
