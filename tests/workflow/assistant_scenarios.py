"""What can happen to a question with the box GatherContext, and the path and answer that must come of it."""

from __future__ import annotations

from typing import Any

from stepguard.guard.settings import EMPTYMESSAGE
from tests.fakes.bedrock import blocked, golden, masked, passed
from tests.workflow.scenarios import (
    ANSWERED,
    DENIED,
    DOCUMENT,
    INPUT,
    REFUSAL,
    RESPONSE,
    SCREENED_ANSWER,
    Scenario,
    said,
)

BEGIN = ["GuardInput", "InputIntervened?"]
SEARCHED = ["InConversation?", "FindAnswer", "AnswerFound?", "RetrievePassages", "GuardPassages", "PassagesFound?"]
GATHERED = [*BEGIN, "GatherContext", *SEARCHED, "AskModel", "ContextReady?"]
GUARDED = ["GuardAnswer", "AnswerIntervened?"]
DELIVERED = ["RecordAnswer", "AnswerDelivered"]
REFUSED = ["RecordDontKnow", "AnswerDontKnow"]
FAILED = ["RecordFailure", "AnswerUnavailable"]
ANSWERED_PATH = [*GATHERED, "InvokeModel", "ModelIntervened?", *GUARDED, *DELIVERED]

STAGE: dict[str, Any] = {"outcome": "passed", "findings": [], "text_units": {}}
CURATED = {**STAGE, "outcome": "found", "matched": True, "text": "We open at nine.", "item": {"qid": "hours"}}
NOT_CURATED = {**CURATED, "outcome": "none", "matched": False, "text": "", "item": None}
DONT_KNOW = {"text": EMPTYMESSAGE, "outcome": "dont_know", "source": "KNOWLEDGE BASE", "got_hits": 0}
GUARD: dict[str, Any] = {**STAGE, "ask_model": True, "kept": [], "dropped": [], "guardrail": None, "answer": None}
NOTHING = {**GUARD, "ask_model": False, "answer": DONT_KNOW}


def _unavailable(*states: str, error: str) -> dict[str, Any]:
    return {"path": [*states, *FAILED], "status": "FAILED", "cause": error}


NOTHING_MATCHES = [
    Scenario(
        "curated bank does not say whether it matched",
        apply=[passed()],
        written={"find_answer": CURATED | {"matched": None}},
        **_unavailable(*BEGIN, "GatherContext", *SEARCHED[:3], error="States.NoChoiceMatched"),
    ),
    Scenario(
        "passage guard does not say whether to ask the model",
        apply=[passed()],
        written={"guard_passages": GUARD | {"ask_model": "yes"}},
        **_unavailable(*BEGIN, "GatherContext", *SEARCHED, error="States.NoChoiceMatched"),
    ),
]
"""moto has no error States.NoChoiceMatched: its interpreter stops there."""

CONVERSATION = ["InConversation?", "LoadConversation", "RewriteQuestion", "GuardRewrite", "RewriteIntervened?"]
FOLLOW_UP = INPUT | {"has_turns": True, "verdict": {}}
REWRITE = {**STAGE, "outcome": "rewritten", "text": "t", "reason": "", "turns": []}
REWRITE_REFUSAL = {"text": "No.", "outcome": "blocked", "source": "PREPROCESS GUARDRAIL", "got_hits": 0}
JUDGED = {**STAGE, "blocked": False, "text": "t", "guardrail": None, "answer": None}

ASSISTANT_SCENARIOS = [
    Scenario(
        "a follow-up",
        [*BEGIN, "GatherContext", *CONVERSATION, *SEARCHED[1:], "AskModel", "ContextReady?", *ANSWERED_PATH[-6:]],
        [passed()],
        [ANSWERED],
        written={"guard_input": FOLLOW_UP, "rewrite_question": REWRITE, "guard_rewrite": JUDGED},
        answer={"outcome": "answered", "source": "LLM"},
    ),
    Scenario(
        "a rewritten question blocked",
        [*BEGIN, "GatherContext", *CONVERSATION, "RewriteRefused", "ContextReady?", *REFUSED],
        written={
            "guard_input": FOLLOW_UP,
            "rewrite_question": REWRITE,
            "guard_rewrite": JUDGED | {"blocked": True, "outcome": "blocked", "answer": REWRITE_REFUSAL},
        },
        answer=REWRITE_REFUSAL,
    ),
    Scenario(
        "answered without any part",
        ANSWERED_PATH,
        [passed(), passed()],
        [ANSWERED],
        answer={"outcome": "answered", "source": "LLM", "got_hits": 1},
    ),
    Scenario(
        "question blocked",
        [*BEGIN, "QuestionRefused", *REFUSED],
        [blocked()],
        answer=REFUSAL | {"source": "PREPROCESS GUARDRAIL"},
    ),
    Scenario("document screened", [*BEGIN, *GUARDED, *DELIVERED], [passed(), passed()], request=DOCUMENT,
             answer=SCREENED_ANSWER),
    Scenario(
        "response checked",
        [*BEGIN, "InvokeModel", "ModelIntervened?", *GUARDED, *DELIVERED],
        [passed()] * 3,
        request=RESPONSE,
        answer={"outcome": "passed", "source": "RESPONSE", "text": "It is this."},
    ),
    Scenario(
        "curated answer",
        [*BEGIN, "GatherContext", *SEARCHED[:3], "CuratedAnswer", "ContextReady?", *GUARDED, *DELIVERED],
        [passed(), passed()],
        written={"find_answer": CURATED},
        answer={"outcome": "answered", "source": "CURATED ANSWER", "text": "We open at nine.", "got_hits": 1},
    ),
    Scenario(
        "curated answer masked",
        [*BEGIN, "GatherContext", *SEARCHED[:3], "CuratedAnswer", "ContextReady?", *GUARDED, *DELIVERED],
        [passed(), masked("Ask {EMAIL}.")],
        written={"find_answer": CURATED},
        answer={"outcome": "masked", "source": "CURATED ANSWER", "text": "Ask {EMAIL}."},
    ),
    Scenario(
        "curated answer blocked",
        [*BEGIN, "GatherContext", *SEARCHED[:3], "CuratedAnswer", "ContextReady?", *GUARDED,
         "AnswerRefused", *REFUSED],
        [passed(), blocked()],
        written={"find_answer": CURATED},
        answer=REFUSAL | {"source": "POSTPROCESS GUARDRAIL"},
    ),
    Scenario(
        "nothing found, and knowledge only",
        [*BEGIN, "GatherContext", *SEARCHED, "NothingFound", "ContextReady?", *REFUSED],
        [passed()],
        written={"guard_passages": NOTHING},
        answer=DONT_KNOW,
    ),
    Scenario(
        "model does not know",
        [*GATHERED, "InvokeModel", "ModelIntervened?", "NoAnswerFound", *REFUSED],
        [passed()],
        [said("converse/answered", "Sorry, I don't know.")],
        answer={"outcome": "dont_know", "source": "LLM", "text": EMPTYMESSAGE},
    ),
    Scenario(
        "model layer blocked",
        [*GATHERED, "InvokeModel", "ModelIntervened?", "NoAnswerFound", *REFUSED],
        [passed()],
        [golden("converse/blocked_output")],
        answer={"outcome": "blocked", "source": "BEDROCK GUARDRAIL"},
    ),
    Scenario("input guard denied", apply=[DENIED], **_unavailable("GuardInput", error="AccessDenied")),
    Scenario(
        "model denied", apply=[passed()], converse=[DENIED],
        **_unavailable(*GATHERED, "InvokeModel", error="AccessDenied"),
    ),
    Scenario(
        "answer guard denied",
        apply=[passed(), DENIED],
        converse=[ANSWERED],
        **_unavailable(*GATHERED, "InvokeModel", "ModelIntervened?", "GuardAnswer", error="AccessDenied"),
    ),
    Scenario(
        "a part of the box fails",
        apply=[passed()],
        written={"retrieve_passages": {"errorType": "AccessDenied", "errorMessage": "Retrieve: denied."}},
        **_unavailable(*BEGIN, "GatherContext", *SEARCHED[:4], error="AccessDenied"),
    ),
    Scenario(
        "a part of the box stays unavailable",
        apply=[passed()],
        written={"find_answer": {"errorType": "ServiceUnavailable", "errorMessage": "Down."}},
        **_unavailable(*BEGIN, "GatherContext", "InConversation?", "FindAnswer", error="ServiceUnavailable"),
    ),
    Scenario(
        "input guard writes no verdict",
        written={"guard_input": INPUT | {"blocked": None}},
        **_unavailable(*BEGIN, "VerdictMissing", error="VerdictMissing"),
    ),
    Scenario(
        "input guard does not say what comes next",
        written={"guard_input": INPUT | {"needs_context": "yes"}},
        **_unavailable(*BEGIN, "VerdictMissing", error="VerdictMissing"),
    ),
    Scenario(
        "model stage writes no verdict",
        apply=[passed()],
        written={"invoke_model": {**STAGE, "has_answer": None, "text": "t", "stop_reason": "", "tokens": {},
                                  "citations": {}, "turn": {"NULL": True}, "answer": None}},
        **_unavailable(*GATHERED, "InvokeModel", "ModelIntervened?", "VerdictMissing", error="VerdictMissing"),
    ),
    Scenario(
        "answer guard writes no verdict",
        apply=[passed()],
        converse=[ANSWERED],
        written={"guard_answer": {**STAGE, "blocked": "false", "turn": {"NULL": True}, "answer": None}},
        **_unavailable(*GATHERED, "InvokeModel", "ModelIntervened?", *GUARDED, "VerdictMissing",
                       error="VerdictMissing"),
    ),
]  # fmt: skip

WRONG_RESULT = Scenario(
    "a result that no choice knows",
    apply=[passed()],
    **_unavailable(*GATHERED, "VerdictMissing", error="VerdictMissing"),
)
