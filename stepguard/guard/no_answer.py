"""Why the model layer delivered no answer, with the evidence: what it returned, and the rule that matched.

The evidence stays in the history, for operators. An answer never contains it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stepguard.guard.answer import SOURCES, Answer, Source, dont_know, refused
from stepguard.guard.bedrock_names import BLOCKED
from stepguard.guard.request import Kind
from stepguard.guard.runtime.refusal import own_refusal
from stepguard.guard.settings import Settings
from stepguard.guard.verdict import Verdict

SETTING = "LLM_QA_NO_HITS_REGEX"


class Rule(StrEnum):
    """The rule by which the model layer's result is not an answer."""

    BLOCKED = "blocked"
    DOES_NOT_KNOW = "does_not_know"
    NO_TEXT = "no_text"


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A result of the model layer that is not an answer.

    `said` is the text that the call returned, without the white space around it: the guardrail's message after a block,
    else the model's words as its guardrail left them. `match` is where LLM_QA_NO_HITS_REGEX matches in it.
    """

    rule: Rule
    said: str
    answer: Answer
    match: re.Match[str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """`{rule, said}`, and if the pattern matched `{setting, pattern, start, end}`, for the history."""
        evidence: dict[str, Any] = {"rule": str(self.rule), "said": self.said}
        if self.match is None:
            return evidence
        start, end = self.match.span()
        return evidence | {"setting": SETTING, "pattern": self.match.re.pattern, "start": start, "end": end}


def says_unknown(said: str, settings: Settings) -> bool:
    """Whether a text is one sentence that says that the model does not know."""
    said = said.strip()
    return bool(said) and not _SENTENCE_BREAK.search(said) and _match(said, settings.no_hits) is not None


def no_answer(verdict: Verdict, kind: Kind, settings: Settings) -> NoAnswer | None:
    """Why a verdict of the model layer holds no answer; None if it holds one.

    A model does not know if it says so in one sentence: QnABot's plain search also throws away long, good answers that
    merely contain such words. A given response is judged as it is.
    """
    if verdict.blocked:
        return _blocked(verdict, settings)
    said = verdict.text.strip()
    if not said:
        return NoAnswer(Rule.NO_TEXT, "", dont_know(settings.empty_message, SOURCES[kind]))
    if kind is Kind.RESPONSE or _SENTENCE_BREAK.search(said):
        return None
    match = _match(said, settings.no_hits)
    if match is None:
        return None
    return NoAnswer(Rule.DOES_NOT_KNOW, said, dont_know(settings.empty_message, Source.LLM), match)


def _blocked(verdict: Verdict, settings: Settings) -> NoAnswer:
    """The text is the team's own for the policy that blocked, or else the guardrail's message, or else EMPTYMESSAGE
    where the pattern matches that message anywhere, as in QnABot.

    Bedrock's default message matches the default pattern. Without a blocking finding the text may be what the model
    wrote, instead of the guardrail's message: then the answer is the team's too.
    """
    message = (verdict.message or "").strip()
    match = _match(message, settings.no_hits)
    proved = any(finding.action == BLOCKED for finding in verdict.findings)
    deliverable = bool(proved and message and match is None)
    text = own_refusal(settings, verdict) or (message if deliverable else settings.empty_message)
    answer = refused(text, Source.BEDROCK)
    return NoAnswer(Rule.BLOCKED, message, answer, match)


def _match(text: str, no_hits: re.Pattern[str]) -> re.Match[str] | None:
    # The default patterns are written with the plain apostrophe; models like the curly one as well.
    return no_hits.search(text) or no_hits.search(text.replace("’", "'"))


_SENTENCE_BREAK = re.compile(r"[.!?…][\"'”’)\]]*\s+\S|\n\s*\S")
