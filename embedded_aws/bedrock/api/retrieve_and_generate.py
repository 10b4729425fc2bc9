"""RetrieveAndGenerate: an answer of the local model to a question, from the passages of a knowledge base.

The guardrail judges the question and the answer, never the passages, as on AWS. Citations are not the model's: a
sentence cites the passages that contain most of its words, and a sentence that no passage contains cites none.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_RetrieveAndGenerate.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from embedded_aws.bedrock.api.inline import Guard
from embedded_aws.bedrock.api.retrieve import describe
from embedded_aws.bedrock.api.streams import Released, alone, begun, generated_events, release
from embedded_aws.bedrock.detectors.text.sentences import END
from embedded_aws.bedrock.judge.evaluation import GROUNDING_SOURCE, GUARD_CONTENT, QUERY, Block, Evaluation, Scope
from embedded_aws.bedrock.knowledge.index_file import Found
from embedded_aws.bedrock.models.base import Message, Model, Sampling, write
from embedded_aws.wire import ServiceError
from embedded_aws.wire.event_stream import Event

NOTHING_FOUND = "Sorry, I am unable to assist you with this request."
RESULTS, FORMAT, ASKED = "$search_results$", "$output_format_instructions$", "$query$"
_TEMPLATE = f"""Answer the user's question with the facts in the search results only. If they do not contain the
answer, say that you could not find an exact answer.

Search results:
{RESULTS}

{FORMAT}"""
_FORMAT = "Answer in a few short sentences."
_ENOUGH = 0.5
"""The share of a sentence's words that a cited passage contains, by weight."""

Answer = dict[str, Any]


def judge_question(guard: Guard | None, question: str) -> tuple[str, Answer | None]:
    """The question as the model may read it, and the answer if the guardrail blocks it."""
    if guard is None:
        return question, None
    judged = guard.judge(guard.guardrail, "INPUT", [Block(question, frozenset({GUARD_CONTENT}))], Scope(guard.full))
    if judged.blocked:
        return "", _intervened(judged.outputs[0])
    return (judged.outputs[0] if judged.masked else question), None


@dataclass(frozen=True, slots=True)
class Generating:
    """An answer that is being made: from these messages, or from nothing if no passage was found."""

    guard: Guard | None
    template: str
    passages: Sequence[Found]
    question: str
    messages: tuple[Message, ...]
    sampling: Sampling

    @property
    def prompt(self) -> list[Block]:
        """What the answer is compared with."""
        context = [Block(found.text, frozenset({GROUNDING_SOURCE})) for found in self.passages]
        return [*context, Block(self.question, frozenset({QUERY}))]

    def judge(self, text: str) -> Evaluation:
        assert self.guard is not None
        return self.guard.output(text, self.prompt)

    def answer(self, text: str, judged: Evaluation | None) -> Answer:
        """Output, citations and guardrailAction for what the model wrote and the verdict on it."""
        if judged is not None and judged.blocked:
            return _intervened(judged.outputs[0])
        if judged is not None and judged.masked:
            text = judged.outputs[0]
        intervened = judged is not None and judged.masked
        return _answered(text, _citations(self.template, text, self.passages), self.guard, intervened=intervened)


def generate(model: Model, asked: Generating) -> Answer:
    """Output, citations and guardrailAction. Raises ServiceError."""
    if not asked.passages:
        return nothing_found(asked)
    text = model.complete(asked.messages, asked.sampling).text
    return asked.answer(text, asked.judge(text) if asked.guard is not None and text.strip() else None)


def generate_stream(model: Model, asked: Generating, remember: Callable[[Answer], object]) -> Iterator[Event]:
    """The events of the answer, while the model writes; `remember` gets it. Raises ServiceError before the first."""
    if not asked.passages:
        return answer_stream(nothing_found(asked), remember)
    writing = begun(write(model, asked.messages, asked.sampling))
    grounded = asked.guard is not None and asked.guard.compares(asked.prompt)
    pieces = release(writing, asked.judge if asked.guard else None, at_once=grounded)

    def finish(released: Released) -> Answer:
        answer = asked.answer(released.said.text, released.judged)
        remember(answer)
        return answer

    return generated_events(pieces, finish)


def answer_stream(answer: Answer, remember: Callable[[Answer], object]) -> Iterator[Event]:
    """The events of an answer without a model."""
    remember(answer)
    return generated_events(alone(answer["output"]["text"]), lambda _: answer)


def nothing_found(asked: Generating) -> Answer:
    """The answer without passages."""
    return _answered(NOTHING_FOUND, [_citation(NOTHING_FOUND, 0, [])], asked.guard)


def prepare(
    guard: Guard | None,
    question: str,
    passages: Sequence[Found],
    history: Sequence[Message],
    generation: Mapping[str, Any],
) -> Generating:
    """What the model gets. Raises ServiceError for a template without its placeholder."""
    template = _template(generation)
    listed = "\n\n".join(f"[{number}] {found.text}" for number, found in enumerate(passages, 1))
    prompt = template.replace(ASKED, question).replace(FORMAT, _FORMAT).replace(RESULTS, listed)
    messages = (Message("system", prompt), *history, Message("user", question))
    return Generating(guard, template, passages, question, messages, _sampling(generation))


def _template(generation: Mapping[str, Any]) -> str:
    template = str((generation.get("promptTemplate") or {}).get("textPromptTemplate") or _TEMPLATE)
    if RESULTS not in template:
        raise ServiceError("ValidationException", f"The prompt template must contain the placeholder {RESULTS}.")
    return template


def _sampling(generation: Mapping[str, Any]) -> Sampling:
    config = (generation.get("inferenceConfig") or {}).get("textInferenceConfig") or {}
    return Sampling(
        max_tokens=config.get("maxTokens"),
        temperature=config.get("temperature", 0.0),
        top_p=config.get("topP", 1.0),
        stop=tuple(config.get("stopSequences") or ()),
    )


def _intervened(message: str) -> Answer:
    return {"output": {"text": message}, "citations": [], "guardrailAction": "INTERVENED"}


def _answered(text: str, citations: list[Answer], guard: Guard | None, *, intervened: bool = False) -> Answer:
    answer: Answer = {"output": {"text": text}, "citations": citations}
    if guard is not None:
        answer["guardrailAction"] = "INTERVENED" if intervened else "NONE"
    return answer


def _citations(template: str, text: str, passages: Sequence[Found]) -> list[Answer]:
    """The citations of each sentence; none for a template without output format instructions, as on AWS."""
    if FORMAT not in template:
        return []
    found, start = [], 0
    ends = [boundary.end() for boundary in END.finditer(text)]
    for end in [*ends, len(text)]:
        if sentence := text[start:end].strip():
            found.append(_citation(sentence, text.index(sentence, start), _support(sentence, passages)))
        start = end
    return found


def _support(sentence: str, passages: Sequence[Found]) -> list[Found]:
    """The passages that contain enough of a sentence, the best first."""
    from embedded_aws.bedrock.detectors.text.lexical import tokens

    words = {token.stem: token.weight for token in tokens(sentence) if token.kind != "stop"}
    total = sum(words.values())
    scored = []
    for passage in passages if total else ():
        known = {token.stem for token in tokens(passage.text)}
        share = sum(weight for stem, weight in words.items() if stem in known) / total
        if share >= _ENOUGH:
            scored.append((share, passage))
    return [passage for _, passage in sorted(scored, key=lambda pair: -pair[0])]


def _citation(text: str, start: int, passages: Sequence[Found]) -> Answer:
    part = {"text": text, "span": {"start": start, "end": start + len(text) - 1}}
    return {
        "generatedResponsePart": {"textResponsePart": part},
        "retrievedReferences": [describe(passage) for passage in passages],
    }
