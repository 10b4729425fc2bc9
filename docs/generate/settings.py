"""docs/reference/settings.md: the variables of the Lambdas, from the settings and the CloudFormation template."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from stepguard.evaluation.limits import VARIABLES, Limits
from stepguard.guard import settings
from stepguard.guard.bedrock_names import REASONING_FINDINGS

TEMPLATES = Path(__file__).parents[2] / "statemachine" / "cloudformation"

MEANINGS = {
    "PREPROCESS_GUARDRAIL_IDENTIFIER": "guardrail of the input layer",
    "PREPROCESS_GUARDRAIL_VERSION": "its version, a number or `DRAFT`",
    "BEDROCK_GUARDRAIL_IDENTIFIER": "guardrail of the model layer",
    "BEDROCK_GUARDRAIL_VERSION": "its version, a number or `DRAFT`",
    "POSTPROCESS_GUARDRAIL_IDENTIFIER": "guardrail of the answer layer",
    "POSTPROCESS_GUARDRAIL_VERSION": "its version, a number or `DRAFT`",
    "UNGUARDED": "`yes`: without any layer, questions are answered unguarded; `no`: they are refused",
    "AUTOMATED_REASONING_BLOCKS": "findings of automated reasoning that block, separated by commas, in every layer "
    "whose guardrail has such a policy: "
    + ", ".join(f"`{kind}`" for kind in REASONING_FINDINGS)
    + "; with any of them, also a kind that this release does not know; empty: all are only reported",
    "LLM_API": "`CONVERSE`: Bedrock models and imported Llama-type models; `IMPORTED_MODEL`: InvokeModel on an "
    "imported model (Qwen-type ones support nothing else); `DEEPSEEK`: InvokeModel on Bedrock's DeepSeek-R1; "
    "`SAGEMAKER`: a Marketplace or JumpStart endpoint, with ApplyGuardrail around it; `RETRIEVE_AND_GENERATE`: Bedrock "
    "searches the knowledge base and answers in one call",
    "LLM_MODEL_ID": "model id, ARN, or SageMaker endpoint name",
    "LLM_IMPORTED_BODY": "request body of an imported model: "
    + ", ".join(f"`{body}`" for body in settings.ImportedBody),
    "LLM_QA_MODEL_PARAMS": "JSON object; its members and ranges: "
    + ", ".join(f"`{name}` {low:g} to {high:g}" for name, (low, high) in settings._RANGES.items()),
    "LLM_QA_SYSTEM_PROMPT": "the system prompt",
    "PASSAGE_GUARDRAIL_IDENTIFIER": "the guardrail that judges passages for attacks; it is no layer of the three",
    "PASSAGE_GUARDRAIL_VERSION": "its version",
    "KNOWLEDGE_BASE_ID": "the knowledge base that passages come from; empty: none",
    "KNOWLEDGE_BASE_ACCESS": "`groups`: screened documents, by the groups in their metadata; `everyone`: all "
    "documents; empty: nothing is retrieved",
    "KNOWLEDGE_BASE_SEARCH_TYPE": "`DEFAULT`: Bedrock chooses; `HYBRID`; `SEMANTIC`",
    "KNOWLEDGE_BASE_MAX_NUMBER_OF_RETRIEVED_RESULTS": "passages for each question, at most 20",
    "KNOWLEDGE_BASE_METADATA_FILTERS": "one more filter of Retrieve, as JSON",
    "KNOWLEDGE_BASE_RERANKING_MODEL": "the ARN of a reranking model",
    "KNOWLEDGE_ONLY": "`no`: where nothing was found, the model answers without passages",
    "CALLER_GROUPS": "the groups of IAM callers, as JSON: ARN of a user or a role, list of groups",
    "LLM_QA_NO_HITS_REGEX": 'matches an answer that means "I don\'t know"',
    "EMPTYMESSAGE": "the don't-know answer",
    "MESSAGES": "the same two and BLOCKEDMESSAGE for questions in other languages, as JSON: "
    '`{"de": {"EMPTYMESSAGE": "…"}}`',
    "ERRORMESSAGE": "the message when no answer is available",
    "STATE_MACHINE_ARN": "the chat state machine, for the API and `--aws`",
    "EXPRESS_STATE_MACHINE_ARN": "its EXPRESS twin: `POST /chat` then answers synchronously",
    "CHAT_OPERATORS": "Cognito groups and whole IAM ARNs, separated by commas, that may read every execution",
    "ANSWER_HOURS": "hours that `ANSWER_TABLE` keeps an answer",
    "CONVERSATIONS": "`yes` where the definition has the box that loads the turns of a conversation",
    "CONVERSATION_DAYS": "days that `ANSWER_TABLE` keeps a conversation after its last turn",
    "LLM_CHAT_HISTORY_MAX_MESSAGES": "earlier turns of a conversation that a question can refer to, 1 to 12",
    "LLM_STREAMING_ENABLED": "what a WebSocket connection gets before the whole answer: `off`, `final` or `pieces` "
    "([streaming](../use/streaming.md))",
    "STREAM_ENDPOINT": "the WebSocket API's address, as https; without it there are no tickets",
    "STREAM_ORIGINS": "origins of web pages that may connect, separated by commas",
    "REVIEW_RULE": "which answers people review, as JSON ([review](../use/review.md)); empty: none",
    "REVIEW_STATE_MACHINE_ARN": "the state machine in which reviewed answers wait, for feedback",
    "CONVERSATION_GUARD_TURNS": "earlier questions that the input layer judges together with a follow-up, as one text, "
    "0 to 12",
    "LLM_GENERATE_QUERY_ENABLE": "`yes`: a follow-up in a conversation is rewritten, so that it stands alone",
    "ANSWER_BANK": "folder in S3 of the curated answers, `s3://BUCKET/answers/`; without it no question has one",
    "LLM_GENERATE_QUERY_MODEL_ID": "the model that rewrites; empty: `LLM_MODEL_ID`",
    "ANSWER_TABLE": "DynamoDB table from which the API reads answers; without it the API asks DescribeExecution",
    "CALLER_TABLE": "DynamoDB table that counts what each caller starts; without it there is no quota",
    "CALLER_QUESTIONS_PER_MINUTE": "a caller's quota of a minute, with `CALLER_TABLE`",
    "CALLER_ITEMS_PER_DAY": "a caller's quota of questions and items of evaluations in a day, with `CALLER_TABLE`",
    "EVALUATION_STATE_MACHINE_ARN": "the evaluation state machine, for the API and `--aws`",
    "EVALUATION_BUCKET": "bucket of the results of evaluations",
    "EVALUATION_CORPUS_BUCKET": "another bucket from which the API may read corpora",
    "EVALUATION_MAX_COST": "US dollars that an evaluation may cost by its estimate; on the embedded AWS without limit",
    "EVALUATION_MAX_BYTES": "bytes of a corpus after decompression",
    "EVALUATION_MAX_ITEMS": "rows of a corpus",
    "EVALUATION_MAX_TEXT_UNITS": "text units of an evaluation, of 1,000 characters each",
    "RUNTIME_SETTINGS": "APPLICATION/ENVIRONMENT/PROFILE of AWS AppConfig, which has the settings at run time; empty: "
    "there are none",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "OpenTelemetry's: the collector that gets every chat as spans, without texts",
    "OTEL_EXPORTER_OTLP_HEADERS": "headers for the collector, `name=value`, separated by commas",
    "STEPGUARD_STACK": "the stack's name, a dimension of every metric",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "botocore's variable: another endpoint for Bedrock's runtime",
}


def page() -> str:
    """The page."""
    parameters = parameters_of_variables()
    lines = [
        "# Settings",
        "",
        "Generated by `make docs`. Environment variables of the Lambdas; names and defaults, except for the messages, "
        "are QnABot's where QnABot has them. Empty means the default. In a deployment, the CloudFormation parameter "
        "sets the variable; without a parameter, the stack sets it. A guard layer runs only if both of its variables "
        "are set; one without the other is an error, and so is no layer at all without `UNGUARDED=yes`.",
        "",
        "| variable | default | meaning | CloudFormation parameter |",
        "|---|---|---|---|",
    ]
    known = defaults()
    for name, meaning in MEANINGS.items():
        shown = ", ".join(f"`{parameter}`" for parameter in parameters.get(name, ())) or "–"
        lines.append(f"| `{name}` | {_cell(known.get(name, ''))} | {_escaped(meaning)} | {shown} |")
    lines += [
        "",
        "On the embedded AWS, `STEPGUARD_HOME` or `--home` changes the state folder (default `.stepguard`).",
        "",
    ]
    return "\n".join(lines)


def defaults() -> dict[str, str]:
    """The defaults of the guarded stages' settings, as text."""
    read = settings.read_settings({})
    model = read.model
    parameters = f'{{"maxTokens": {model.max_tokens}, "temperature": {model.temperature:g}, "topP": {model.top_p:g}}}'
    return {
        "UNGUARDED": "no",
        "LLM_API": str(model.api),
        "LLM_MODEL_ID": model.id,
        "LLM_IMPORTED_BODY": str(model.imported_body),
        "LLM_QA_MODEL_PARAMS": parameters,
        "LLM_QA_SYSTEM_PROMPT": model.system_prompt,
        "LLM_QA_NO_HITS_REGEX": read.no_hits.pattern,
        "EMPTYMESSAGE": read.empty_message,
        "ERRORMESSAGE": read.error_message,
        "KNOWLEDGE_BASE_SEARCH_TYPE": str(read.knowledge.search),
        "KNOWLEDGE_BASE_MAX_NUMBER_OF_RETRIEVED_RESULTS": str(read.knowledge.results),
        "KNOWLEDGE_ONLY": "yes" if read.knowledge.only else "no",
        "LLM_STREAMING_ENABLED": str(read.streaming),
        "CONVERSATION_DAYS": str(read.conversation.days),
        "LLM_CHAT_HISTORY_MAX_MESSAGES": str(read.conversation.turns),
        "CONVERSATION_GUARD_TURNS": str(read.conversation.judged),
        **{variable: f"{getattr(Limits(), name):g}" for name, variable in VARIABLES.items() if name == "cost"},
        **{variable: f"{getattr(Limits(), name)}" for name, variable in VARIABLES.items() if name != "cost"},
    }


def parameters_of_variables() -> dict[str, tuple[str, ...]]:
    """Each variable of the template with the parameters that set it, or that switch it on."""
    parameters: set[str] = set()
    conditions: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    for path in sorted(TEMPLATES.glob("*.yaml")):
        template = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - a SafeLoader with tags
        parameters |= set(template.get("Parameters") or ())
        conditions |= template.get("Conditions") or {}
        for name, value in _environments(template):
            variables[name] = value
    found = {}
    for name, value in variables.items():
        own = _parameters(value, parameters)
        if not own and isinstance(value, _Tagged) and value.tag == "If":
            own = _parameters(conditions[value.value[0]], parameters)
        found[name] = tuple(own)
    return found


def _environments(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "Variables":
                yield from value.items()
            else:
                yield from _environments(value)


def _parameters(node: Any, known: set[str]) -> list[str]:
    names: list[str] = []
    for text in _texts(node):
        names += [name for name in re.findall(r"\w+", text) if name in known]
    return list(dict.fromkeys(names))


def _texts(node: Any) -> Iterator[str]:
    """What `!Ref` names, and what `${}` names in `!Sub`."""
    if isinstance(node, _Tagged):
        if node.tag == "Ref":
            yield node.value
        elif node.tag == "Sub" and isinstance(node.value, str):
            yield from re.findall(r"\$\{(\w+)\}", node.value)
        else:
            yield from _texts(node.value)
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item)


class _Tagged:
    """A value with a CloudFormation tag such as `!Ref`."""

    def __init__(self, tag: str, value: Any) -> None:
        self.tag = tag
        self.value = value


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's tags as `_Tagged`."""


def _tagged(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> _Tagged:
    if isinstance(node, yaml.SequenceNode):
        return _Tagged(tag, loader.construct_sequence(node, deep=True))
    if isinstance(node, yaml.MappingNode):
        return _Tagged(tag, loader.construct_mapping(node, deep=True))
    return _Tagged(tag, str(node.value))


Loader.add_multi_constructor("!", _tagged)


def _cell(text: str) -> str:
    return f"`{_escaped(text)}`" if text else "–"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
