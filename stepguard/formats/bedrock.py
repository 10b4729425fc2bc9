"""Amazon Bedrock: model evaluation, RAG evaluation, batch inference, and AWS's guardrail test samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stepguard.evaluation.aws_samples import optimizer_row, tdd_row
from stepguard.formats.messages import last_user_text, text_of_parts, words_of_prompt
from stepguard.formats.model import Format, Profile
from stepguard.formats.names import ACTIONS, Row, folded, members, value_of
from stepguard.formats.references import texts_of
from stepguard.guard.errors import InvalidRequest

_TDD = "test_number test_type test_content_query test_content_grounding_source test_content_guard_content"


def _tdd(row: Row) -> Iterator[dict[str, Any]]:
    names = (*_TDD.split(), "expected_action")
    yield tdd_row({name: str(value_of(row, name) or "") for name in names})


def _optimizer(row: Row) -> Iterator[dict[str, Any]]:
    yield optimizer_row({"input": row.get("input"), "expected": row.get("expected")})


def _is_optimizer(profile: Profile) -> bool:
    expected = profile.columns.get("expected")
    beside = profile.names - {"input", "expected"} - set(folded("remark remarks comment comments note notes"))
    return {"input", "expected"} <= profile.names and not beside and bool(expected and expected.words <= set(ACTIONS))


def _model_evaluation(row: Row) -> Iterator[dict[str, Any]]:
    group = {"category": row.get("category")}
    answers = row.get("modelresponses")
    if not answers:
        yield {"kind": "prompt", "prompt": row.get("prompt")} | group
        return
    if not isinstance(answers, list):
        raise InvalidRequest("'modelResponses' must be a list")
    for answer in answers:
        text = members(answer).get("response")
        yield {"kind": "response", "query": row.get("prompt"), "completion": text} | group


def _rag_evaluation(row: Row) -> Iterator[dict[str, Any]]:
    turns = row.get("conversationturns")
    if not isinstance(turns, list) or not turns or not isinstance(turns[-1], Mapping):
        raise InvalidRequest("'conversationTurns' must be a list of turns")
    turn = turns[-1]
    question = text_of_parts(turn.get("prompt", {}).get("content") if isinstance(turn.get("prompt"), Mapping) else None)
    output = members(turn.get("output"))
    passages: list[str] = []
    for name in ("retrievedpassages", "retrievedresults"):
        found = members(output.get(name)).get("retrievalresults")
        for entry in found if isinstance(found, list) else []:
            text = text_of_parts(members(entry).get("content"))
            if text.strip():
                passages.append(text)
    references = {"reference": texts_of(turn.get("referenceResponses"))}
    if output.get("text"):
        yield references | {"kind": "response", "query": question, "completion": output["text"], "passages": passages}
    else:
        yield references | {"kind": "prompt", "prompt": question, "passages": passages}


def _batch(row: Row) -> Iterator[dict[str, Any]]:
    identifier = {"id": row.get("recordid")}
    if error := row.get("error"):
        code = members(error).get("errorcode", "")
        code = f" {code}" if isinstance(code, int) or (isinstance(code, str) and code.isalnum()) else ""
        raise InvalidRequest(f"the model gave no answer: error{code}")
    question = spoken(row.get("modelinput"))
    if "modeloutput" not in row:
        yield {"kind": "prompt", "prompt": question} | identifier
        return
    answers = [text for text in answered(row["modeloutput"]) if text.strip()]
    if not answers:
        raise InvalidRequest("'modelOutput' has no text of an answer")
    for text in answers:
        yield {"kind": "response", "query": question, "completion": text} | identifier


def spoken(body: Any) -> str:
    """The words of the user in the body of InvokeModel or Converse. Raises InvalidRequest."""
    if not isinstance(body, Mapping):
        raise InvalidRequest("'modelInput' must be an object")
    if isinstance(body.get("messages"), list):
        return last_user_text(body["messages"])
    for name in ("prompt", "inputText", "message"):
        if isinstance(text := body.get(name), str) and text.strip():
            return words_of_prompt(text)
    raise InvalidRequest("'modelInput' has no text: it needs messages, prompt, inputText or message")


def answered(body: Any) -> list[str]:
    """The answers in the body that InvokeModel or Converse returns."""
    if not isinstance(body, Mapping):
        return []
    message = members(members(body.get("output")).get("message"))
    if message:
        return [text_of_parts(message.get("content"))]
    if isinstance(body.get("content"), list):
        return [text_of_parts(body["content"])]
    found: list[str] = [body[name] for name in ("generation", "text", "completion") if isinstance(body.get(name), str)]
    for name in ("results", "outputs", "choices", "generations"):
        entries = body.get(name)
        for entry in entries if isinstance(entries, list) else []:
            cells = members(entry)
            text = cells.get("outputtext", cells.get("text"))
            text = text if isinstance(text, str) else text_of_parts(members(cells.get("message")).get("content"))
            if text.strip():
                found.append(text.strip())
    return found


FORMATS = (
    Format(
        "Amazon Bedrock batch inference, output",
        lambda profile: "modelinput" in profile.names and bool({"modeloutput", "error"} & profile.names),
        _batch,
        folded("record_id model_input model_output error"),
    ),
    Format(
        "Amazon Bedrock batch inference, input",
        lambda profile: "modelinput" in profile.names,
        _batch,
        folded("record_id model_input"),
    ),
    Format(
        "Amazon Bedrock RAG evaluation",
        lambda profile: "conversationturns" in profile.names,
        _rag_evaluation,
        ("conversationturns",),
    ),
    Format(
        "Amazon Bedrock model evaluation, with own responses",
        lambda profile: {"prompt", "modelresponses"} <= profile.names,
        _model_evaluation,
        folded("prompt model_responses category"),
        ("referenceresponse",),
    ),
    Format(
        "Amazon Bedrock model evaluation",
        lambda profile: (
            {"prompt", "referenceresponse"} <= profile.names
            and profile.names <= {"prompt", "referenceresponse", "category"}
        ),
        _model_evaluation,
        folded("prompt category"),
        ("referenceresponse",),
    ),
    Format(
        "AWS sample tdd-guardrail",
        lambda profile: set(folded("test_type test_content_query expected_action")) <= profile.names,
        _tdd,
        folded(f"{_TDD} expected_action"),
        folded("test_result achieved_expected_result guardrail_api_response"),
    ),
    Format("AWS sample bedrock-guardrails-optimizer", _is_optimizer, _optimizer, ("input", "expected")),
)
