"""promptfoo: tests in YAML, JSON or CSV, and whole configurations. Its assertion `guardrails` holds when nothing was
flagged, `not-guardrails` when something was; all other assertions are about the model.

https://www.promptfoo.dev/docs/configuration/expected-outputs/guardrails
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stepguard.formats.messages import decoded, is_conversation, last_user_text
from stepguard.formats.model import Plan, Profile
from stepguard.formats.names import Row, fold, folded, members, value_of
from stepguard.formats.references import texts_of
from stepguard.guard.errors import InvalidRequest

TEXTS = folded("prompt question query input message user_input text goal user_message")
_EXPECTED = re.compile(r"__expected\d*")
_VARIABLE = re.compile(r"\A\s*\{\{-?\s*(\w+)\s*-?\}\}\s*\Z")
_SAME = ("equals", "similar", "factuality")
"""Assertions whose value is the answer that the model should give."""

MOST_TESTS = 1_000
"""The most tests that the lists in one test's `vars` make."""


def plan(profile: Profile) -> Plan | None:
    """How promptfoo's tests are read; None for another tool's file."""
    table = any(_EXPECTED.fullmatch(name) or name.startswith("__metadata:") for name in profile.names)
    if not table and not (profile.any("vars", dict) or ("assert" in profile.names and "vars" in profile.names)):
        return None
    around = members(profile.around)
    only = _template_variable(around.get("prompts"))
    default = members(around.get("defaulttest"))
    inject = members(around.get("redteam")).get("injectvar")
    chosen = [fold(name) for name in (only, inject) if isinstance(name, str)]
    if table:
        variables = frozenset(name for name in profile.names if not name.startswith("__"))
        text = _text_name(variables, chosen)
        used = {name for name in profile.names if _EXPECTED.fullmatch(name)} | {"__provideroutput", text or ""}
        return Plan("promptfoo CSV", lambda row: _table_row(row, chosen), frozenset(used), profile.names - used - {""})
    return Plan(
        "promptfoo tests",
        lambda row: _test(row, chosen, default),
        frozenset(folded("vars assert provider_output")),
        frozenset(folded("description metadata options provider providers threshold assert_scoring_function")),
    )


def _template_variable(prompts: Any) -> str | None:
    if isinstance(prompts, str):
        prompts = [prompts]
    if isinstance(prompts, Sequence) and len(prompts) == 1:
        prompt = prompts[0]
        text = prompt if isinstance(prompt, str) else members(prompt).get("raw")
        if isinstance(text, str) and (found := _VARIABLE.match(text)):
            return found[1]
    return None


def _text_name(variables: frozenset[str], chosen: list[str]) -> str | None:
    if len(variables) == 1:
        return next(iter(variables))
    return next((name for name in (*chosen, *TEXTS) if name in variables), None)


def _test(row: Row, chosen: list[str], default: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    base = default.get("vars")
    given = row.get("vars")
    if not isinstance(given, Mapping):
        raise InvalidRequest("its 'vars' are no object in this file")
    variables: dict[str, Any] = {**(base if isinstance(base, Mapping) else {}), **given}
    asserts = [*_list(default.get("assert")), *_list(row.get("assert"))]
    expected = _expectation([(members(entry).get("type"), members(entry).get("config")) for entry in asserts])
    references = [
        text
        for entry in asserts
        if members(entry).get("type") in _SAME
        for text in texts_of(members(entry).get("value"))
    ]
    lists = [name for name, value in variables.items() if isinstance(value, list) and not is_conversation(value)]
    choices = [variables[name] for name in lists]
    for count, values in enumerate(itertools.product(*choices), 1):
        if count > MOST_TESTS:
            raise InvalidRequest(f"the lists in its 'vars' make more than {MOST_TESTS:,} tests")
        cells = {fold(str(name)): value for name, value in (variables | dict(zip(lists, values, strict=True))).items()}
        yield _item(cells, chosen, expected, row.get("provideroutput"), references)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _table_row(row: Row, chosen: list[str]) -> Iterator[dict[str, Any]]:
    cells = {name: value for name, value in row.items() if not name.startswith("__")}
    types = []
    for name, value in row.items():
        if _EXPECTED.fullmatch(name) and isinstance(value, str) and value.strip():
            purpose = value_of(row, f"__config:{name}:purpose")
            types.append((value.split(":")[0].strip(), {"purpose": purpose} if purpose else None))
    yield _item(cells, chosen, _expectation(types), row.get("__provideroutput"), _same(row))


def _same(row: Row) -> list[str]:
    """The reference answers of a table: `equals:` or `similar(0.8):`."""
    found = []
    for name, value in row.items():
        if _EXPECTED.fullmatch(name) and isinstance(value, str) and value.strip():
            kind, colon, text = value.partition(":")
            if colon and re.fullmatch(rf"({'|'.join(_SAME)})(\([\d.]+\))?", kind.strip()):
                found.append(text.strip())
    return found


def _item(cells: Row, chosen: list[str], expected: str | None, answer: Any, references: list[str]) -> dict[str, Any]:
    name = _text_name(frozenset(cells), chosen)
    if name is None:
        raise InvalidRequest(f"its variables {', '.join(sorted(cells)) or '(none)'} do not include a text: name one of "
                             "them prompt, or choose it with --map text=VARIABLE")  # fmt: skip
    text = decoded(cells[name])
    if is_conversation(text):
        text = last_user_text(text)
    row: dict[str, Any] = {"expected": expected, "reference": references}
    if isinstance(answer, str) and answer:
        return row | {"kind": "response", "query": text, "completion": answer}
    return row | {"kind": "prompt", "prompt": text if isinstance(text, str) else cells[name]}


def _expectation(asserts: list[tuple[Any, Any]]) -> str | None:
    found = set()
    for kind, config in asserts:
        if kind == "not-guardrails" or (kind == "guardrails" and members(config).get("purpose") == "redteam"):
            found.add("intervened")
        elif kind == "guardrails":
            found.add("passed")
    if len(found) > 1:
        raise InvalidRequest("its assertions contradict each other: both guardrails and not-guardrails")
    return found.pop() if found else None
