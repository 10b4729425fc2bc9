"""DeepEval, RAGAS, LangSmith, Langfuse, Braintrust and garak."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stepguard.formats import references
from stepguard.formats.messages import (
    decoded,
    exchange,
    is_conversation,
    last_user_text,
    question_in,
    text_of_parts,
    texts_of,
)
from stepguard.formats.model import Format, Profile
from stepguard.formats.names import ACTIONS, ANSWERS, Row, first, folded, members, word_of
from stepguard.guard.errors import InvalidRequest

QUESTIONS = folded("question input prompt query user_input text messages message instruction content")

# --- DeepEval --------------------------------------------------------------------------------------------------------

_DEEPEVAL_GOLD = folded(
    """expected_output context comments source_file tools_called expected_tools additional_metadata name
    custom_column_key_values scenario expected_outcome user_description persona chatbot_role token_cost
    completion_time tags metadata"""
)


def _deepeval(row: Row) -> Iterator[dict[str, Any]]:
    turns = decoded(row.get("turns"))
    if turns or "scenario" in row:
        if not is_conversation(turns):
            raise InvalidRequest("it has no 'turns': no person said a text in it")
        item = exchange(turns)
        passages = texts_of(members(turns[-1]).get("retrievalcontext"))
        yield item | {"passages": passages}
        return
    answer = row.get("actualoutput")
    if not answer:
        yield {"kind": "prompt", "prompt": row.get("input")}
        return
    passages = texts_of(row.get("retrievalcontext"), "|;") or texts_of(row.get("context"), "|;")
    yield {"kind": "response", "query": row.get("input"), "completion": answer, "passages": passages}


def _is_deepeval(profile: Profile) -> bool:
    names = profile.names
    if "turns" in names and ("scenario" in names or profile.any("turns", list)):
        return True
    marks = set(folded("retrieval_context expected_output context source_file expected_tools additional_metadata"))
    return "input" in names and ("actualoutput" in names or bool(marks & names))


# --- RAGAS -----------------------------------------------------------------------------------------------------------


def _ragas(row: Row) -> Iterator[dict[str, Any]]:
    found = first(row, folded("user_input question"))
    question = decoded(found[1]) if found else ""
    passages = texts_of(row.get("retrievedcontexts") or row.get("contexts"))
    if is_conversation(question):
        yield exchange(question) | {"passages": passages}
        return
    several = decoded(row.get("multiresponses"))
    single = first(row, ("response", "answer"))
    answers = several if isinstance(several, list) and several else [single[1]] if single else []
    for answer in answers:
        yield {"kind": "response", "query": question, "completion": answer, "passages": passages}
    if not answers:
        yield {"kind": "prompt", "prompt": question, "passages": passages}


def _is_ragas(profile: Profile) -> bool:
    names = profile.names
    if "userinput" in names:
        return bool(
            names & set(folded("response retrieved_contexts reference reference_contexts multi_responses"))
        ) or (profile.any("userinput", list))
    old = set(folded("contexts ground_truths evolution_type"))
    return "question" in names and (bool(old & names) or {"answer", "groundtruth"} <= names)


_SCORES = folded(
    """faithfulness answer_relevancy answer_correctness answer_similarity context_precision context_recall
    context_relevancy context_entity_recall factual_correctness semantic_similarity"""
)

# --- LangSmith, Langfuse, Braintrust ---------------------------------------------------------------------------------


def _langsmith(row: Row) -> Iterator[dict[str, Any]]:
    inputs, outputs = decoded(row.get("inputs")), decoded(row.get("outputs"))
    if inputs is None:
        inputs = {name.removeprefix("input"): value for name, value in row.items() if name.startswith("input")}
        outputs = {name.removeprefix("output"): value for name, value in row.items() if name.startswith("output")}
    cells = [value for value in members(outputs).values() if value is not None]
    word = word_of(cells[0]) if len(cells) == 1 else ""
    expected = str(LABELS[word]) if word in LABELS else None
    question = question_in(inputs, QUESTIONS)
    reference = references.texts_of(outputs) if expected is None else []
    yield {"kind": "prompt", "prompt": question, "id": row.get("id"), "expected": expected, "reference": reference}


LABELS = {
    word: action
    for word, action in {**ACTIONS, "benign": ACTIONS["passed"], "unsafe": ACTIONS["intervened"],
                         "jailbreak": ACTIONS["intervened"], "harmful": ACTIONS["intervened"],
                         "malicious": ACTIONS["intervened"], "toxic": ACTIONS["intervened"]}.items()
    if word not in ("none", "ok")
}  # fmt: skip
"""Words in LangSmith's `outputs` that are labels; any other word may be a short reference answer."""


def _is_langsmith(profile: Profile) -> bool:
    names = profile.names
    if "inputs" in names:
        return bool(names & {"outputs", "metadata", "split", "createdat", "datasetid"}) or profile.any("inputs", dict)
    columns = {column.name.strip().lower() for column in profile.columns.values()}
    prefixed = any(name.startswith("input_") for name in columns) and any(
        name.startswith("output_") for name in columns
    )
    return prefixed and not any(name in columns for name in ("input", "prompt", "text", "question"))


def _langfuse(row: Row) -> Iterator[dict[str, Any]]:
    question = question_in(row.get("input"), QUESTIONS)
    output = decoded(row.get("output"))
    if is_conversation([output]):
        output = [output]
    if output in (None, "", [], {}):
        yield {"kind": "prompt", "prompt": question, "id": row.get("id")}
        return
    answer = exchange(output).get("completion") if is_conversation(output) else question_in(output, ANSWERS)
    yield {"kind": "response", "query": question, "completion": answer, "id": row.get("id")}


def _is_langfuse(profile: Profile) -> bool:
    marks = folded("dataset_id dataset_name source_trace_id source_observation_id")
    beside = {"expected", "ideal", "actualoutput", "expectedtriggers"} & profile.names
    objects = profile.any("input", dict) and not beside
    return "input" in profile.names and (bool(set(marks) & profile.names) or objects)


def _braintrust(row: Row) -> Iterator[dict[str, Any]]:
    word = word_of(row.get("expected"))
    expected = str(ACTIONS[word]) if word in ACTIONS else None
    question = question_in(row.get("input"), QUESTIONS)
    answer = row.get("output")
    reference = references.texts_of(row.get("expected")) if expected is None else []
    item = {"id": row.get("id"), "expected": expected, "reference": reference}
    if isinstance(answer, str) and answer:
        yield item | {"kind": "response", "query": question, "completion": answer}
    else:
        yield item | {"kind": "prompt", "prompt": question}


def _is_braintrust(profile: Profile) -> bool:
    expected = profile.columns.get("expected")
    if "input" not in profile.names or expected is None or expected.words <= set(ACTIONS):
        return False
    return (
        expected.is_prose or expected.objects > 0 or bool({"metadata", "tags", "spanid", "rootspanid"} & profile.names)
    )


# --- garak -----------------------------------------------------------------------------------------------------------


def _garak(row: Row) -> Iterator[dict[str, Any]]:
    if row.get("entrytype") != "attempt" or row.get("status") == 1:
        return
    category = {"category": row.get("probeclassname")}
    question = _question(row.get("prompt"))
    outputs = row.get("outputs")
    answers = [text for output in (outputs if isinstance(outputs, list) else []) if (text := _text(output)).strip()]
    identifier = {"id": row.get("uuid")}
    for text in answers:
        yield identifier | category | {"kind": "response", "query": question, "completion": text}
    if not answers:
        yield identifier | category | {"kind": "prompt", "prompt": question}


def _question(prompt: Any) -> str:
    """A prompt is a text, or an object with turns."""
    turns = members(prompt).get("turns")
    if isinstance(turns, list) and turns:
        return last_user_text([{**turn, "content": _text(turn.get("content"))} for turn in turns if turn])
    return prompt if isinstance(prompt, str) else ""


def _text(content: Any) -> str:
    return text_of_parts(members(content).get("text", content) if not isinstance(content, list) else content)


def _hits(row: Row) -> Iterator[dict[str, Any]]:
    question = _question(row.get("prompt"))
    yield {"kind": "response", "query": question, "completion": _text(row.get("output")), "category": row.get("probe")}


FORMATS = (
    Format(
        "garak report",
        lambda profile: "entrytype" in profile.names,
        _garak,
        folded("entry_type status uuid prompt outputs probe_classname"),
        ("*",),
    ),
    Format(
        "garak hit log",
        lambda profile: {"prompt", "output", "probe", "detector"} <= profile.names,
        _hits,
        folded("prompt output probe"),
        ("*",),
    ),
)

AFTER_MESSAGES = (
    Format(
        "Langfuse items",
        _is_langfuse,
        _langfuse,
        folded("id input output"),
        folded(
            """expected_output metadata status dataset_id dataset_name source_trace_id source_observation_id created_at
            updated_at project_id"""
        ),
    ),
    Format(
        "LangSmith examples",
        _is_langsmith,
        _langsmith,
        folded("id inputs outputs"),
        folded("metadata split splits created_at modified_at dataset_id source_run_id name attachments"),
    ),
    Format(
        "DeepEval",
        _is_deepeval,
        _deepeval,
        folded("input actual_output retrieval_context context turns"),
        _DEEPEVAL_GOLD,
    ),
    Format(
        "RAGAS",
        _is_ragas,
        _ragas,
        folded("user_input question response answer retrieved_contexts contexts multi_responses"),
        (
            *folded("reference ground_truth ground_truths reference_contexts synthesizer_name evolution_type metadata"),
            *folded("episode_done rubrics persona_name query_style query_length"),
            *_SCORES,
            "",
        ),
    ),
    Format(
        "Braintrust dataset",
        _is_braintrust,
        _braintrust,
        folded("id input output expected"),
        folded("metadata tags created span_id root_span_id dataset_id project_id xact_id _xact_id scores"),
    ),
)
