"""Findings of automated reasoning: Bedrock proves a text right or wrong by a policy's rules, but never acts on it.

A finding is a union of seven kinds, none of which has an action. Its premises and claims repeat the user's text, so a
`Finding` holds only the kind, the identifiers of the rules, the confidence of the translation into logic, and a logic
warning. https://docs.aws.amazon.com/bedrock/latest/userguide/integrate-automated-reasoning-checks.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from stepguard.guard.bedrock_names import LOGIC_WARNINGS, NONE, REASONING_FINDINGS

AUTOMATED_REASONING = "automated_reasoning"
"""The policy of these findings."""

UNREADABLE = "unreadable"
"""The name of a finding without a readable kind."""

MOST_RULES = 20
"""A finding names no more rules, and counts the others: Bedrock's model has no limit, a state's data has."""

_UNKNOWN_TO_BOTOCORE = "SDK_UNKNOWN_MEMBER"
_RULES = ("supportingRules", "contradictingRules")
# Patterns, not compiled here: most requests need none.
_KIND = r"[A-Za-z][A-Za-z0-9_]{0,63}"
_RULE = r"[A-Za-z0-9_]{1,12}"


def entries_of(section: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and entry of each finding in an assessment's `automatedReasoningPolicy`, without any text.

    A kind that this release does not know keeps its name. Whatever is no finding of one kind is called unreadable.
    """
    if section is None:
        return
    findings = section.get("findings") if isinstance(section, Mapping) else section
    for found in findings or () if isinstance(findings, list | None) else [findings]:
        yield _read(found)


def _read(found: Any) -> tuple[str, Mapping[str, Any]]:
    members = found if isinstance(found, Mapping) else {}
    # InvokeModel's body is not parsed by botocore, which drops these two.
    given = {name: value for name, value in members.items() if value is not None and name != "__type"}
    if len(given) != 1:
        return UNREADABLE, {}
    (kind, value), *_ = given.items()
    content = value if isinstance(value, Mapping) else {}
    if kind == _UNKNOWN_TO_BOTOCORE:
        kind = content.get("name")
    if not isinstance(kind, str) or not re.fullmatch(_KIND, kind):
        return UNREADABLE, {}
    return kind, {"confidence": _confidence(content), "rules": _rules(content), "warning": _warning(content)}


def _confidence(content: Mapping[str, Any]) -> str | None:
    translation = content.get("translation")
    value = translation.get("confidence") if isinstance(translation, Mapping) else None
    return f"{value:.2f}" if isinstance(value, int | float) and not isinstance(value, bool) else None


def _rules(content: Mapping[str, Any]) -> tuple[str, ...]:
    lists = [content.get(name) for name in _RULES]
    rules = [rule for items in lists if isinstance(items, list) for rule in items if isinstance(rule, Mapping)]
    names = [str(rule.get("identifier", "")) for rule in rules]
    distinct = tuple(dict.fromkeys(name if re.fullmatch(_RULE, name) else UNREADABLE for name in names))
    more = len(distinct) - MOST_RULES
    return distinct if more <= 0 else (*distinct[:MOST_RULES], f"{more} more")


def _warning(content: Mapping[str, Any]) -> str | None:
    warning = content.get("logicWarning")
    kind = warning.get("type") if isinstance(warning, Mapping) else None
    return None if kind is None else kind if kind in LOGIC_WARNINGS else UNREADABLE


def blocks(name: str, kinds: Collection[str]) -> bool:
    """Whether a finding blocks where `kinds` block.

    One of a kind that this release does not know blocks as soon as any kind does: it may be the worst.
    """
    return bool(kinds) and (name in kinds or name not in REASONING_FINDINGS)


def is_listed(finding: Mapping[str, Any]) -> bool:
    """Whether lists name a finding: it acted, or it is of automated reasoning, which never acts alone."""
    return finding.get("action") != NONE or finding.get("policy") == AUTOMATED_REASONING
