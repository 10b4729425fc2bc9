"""Settings: the environment variables of the Lambdas, under QnABot's names and, except for the messages, with QnABot's
defaults.

Source of names and defaults: https://github.com/aws-solutions/qnabot-on-aws, docs/settings.md and
docs/bedrock_guardrails/README.md (v7.4.0). An empty value means the default, as in QnABot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from stepguard.guard.bedrock_names import REASONING_FINDINGS
from stepguard.guard.conversation import (
    CONVERSATIONS,
    DAYS,
    MOST_DAYS,
    MOST_TURNS,
    NO_CONVERSATION,
    ConversationSettings,
)
from stepguard.guard.errors import ConfigurationError, UnguardedRefused
from stepguard.guard.knowledge import MOST_RESULTS, NO_KNOWLEDGE, Access, KnowledgeSettings, Search, read_filters
from stepguard.guard.stages import Layer
from stepguard.guard.stream.listeners import Mode, read_mode

if TYPE_CHECKING:
    from stepguard.guard.texts.messages import Messages

EMPTYMESSAGE = (
    "I could not find an answer to your question. Please ask it in other words, or contact your clinic. "
    "In an emergency, call your local emergency number."
)
ERRORMESSAGE = (
    "I cannot answer now because of a technical problem. Please try again in a few minutes, or contact your clinic. "
    "In an emergency, call your local emergency number."
)
LLM_QA_NO_HITS_REGEX = (
    "(Sorry, I don't know|unable to assist you|i don't have enough context|i don't have enough information"
    "|do not contain any information|i could not find an exact answer|no information in the search results"
    "|search results do not mention|search results do not provide specific"
    "|don't see any information in the provided search results|search results do not contain"
    "|no information in the provided search results|not find any information|search results did not contain"
    "|unable to respond|There is no mention of|documents do not mention anything|There is no information provided"
    "|reference passages do not mention|could not find an answer to this question"
    "|the model cannot answer this question)"
)

ANSWER_HOURS = 24
"""The hours that the API's table keeps an answer."""

MOST_ANSWER_HOURS = 90 * 24
"""As long as Step Functions keeps a history."""

VARIABLES: dict[Layer, tuple[str, str]] = {
    Layer.PREPROCESS: ("PREPROCESS_GUARDRAIL_IDENTIFIER", "PREPROCESS_GUARDRAIL_VERSION"),
    Layer.MODEL: ("BEDROCK_GUARDRAIL_IDENTIFIER", "BEDROCK_GUARDRAIL_VERSION"),
    Layer.POSTPROCESS: ("POSTPROCESS_GUARDRAIL_IDENTIFIER", "POSTPROCESS_GUARDRAIL_VERSION"),
}
"""The two variables of each layer; a layer runs only if both are set."""

UNGUARDED = "UNGUARDED"
"""`yes` permits to answer without any guard layer."""

REASONING_BLOCKS = "AUTOMATED_REASONING_BLOCKS"
"""The kinds of findings of automated reasoning that block, separated by commas; empty: all are only reported."""

PASSAGE_VARIABLES = ("PASSAGE_GUARDRAIL_IDENTIFIER", "PASSAGE_GUARDRAIL_VERSION")
"""The two variables of the guardrail that judges passages for attacks; it is no layer of the three."""

_KNOWN = frozenset(name for names in (*VARIABLES.values(), PASSAGE_VARIABLES) for name in names)
_SUFFIXES = ("_GUARDRAIL_IDENTIFIER", "_GUARDRAIL_VERSION")
_PREFIXES = ("PREPROCESS_GUARDRAIL", "BEDROCK_GUARDRAIL", "POSTPROCESS_GUARDRAIL")
_IDENTIFIER = re.compile(r"[a-z0-9]{1,64}|arn:aws[a-z-]*:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]{1,64}")
_VERSION = re.compile(r"DRAFT|[1-9][0-9]{0,7}")
_NOTHING = frozenset({"none", "null", "nil", "undefined", "false"})
"""Words that templates write for a missing value; no guardrail has such an identifier."""

Choice = TypeVar("Choice", bound=StrEnum)


class ModelApi(StrEnum):
    """How the model is reached."""

    CONVERSE = "CONVERSE"
    IMPORTED_MODEL = "IMPORTED_MODEL"
    DEEPSEEK = "DEEPSEEK"
    SAGEMAKER = "SAGEMAKER"
    RETRIEVE_AND_GENERATE = "RETRIEVE_AND_GENERATE"


class ImportedBody(StrEnum):
    """The three InvokeModel bodies of an imported model."""

    COMPLETION = "COMPLETION"
    OPENAI_COMPLETION = "OPENAI_COMPLETION"
    OPENAI_CHAT = "OPENAI_CHAT"


@dataclass(frozen=True, slots=True)
class GuardrailRef:
    """A guardrail and its version, e.g. `4ojm24q0yada` and `1` or `DRAFT`.

    `reasoning_blocks` are the kinds of findings of automated reasoning that block, since Bedrock never does.
    """

    id: str
    version: str
    reasoning_blocks: frozenset[str] = frozenset()

    @property
    def problem(self) -> str | None:
        """Why Bedrock can have no such guardrail, or None.

        https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
        """
        if not _IDENTIFIER.fullmatch(self.id) or self.id in _NOTHING:
            return f"'{self.id[:80]}' is not a guardrail's identifier (lower-case letters and digits) or ARN"
        if not _VERSION.fullmatch(self.version):
            return f"'{self.version[:80]}' is not a guardrail's version (a number or DRAFT)"
        return None

    def to_dict(self) -> dict[str, str]:
        """The guardrail as a stage records it in the execution document."""
        return {"id": self.id, "version": self.version}


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The model layer. `temperature` and `top_p` as the model takes them; `max_tokens` counts reasoning too."""

    api: ModelApi = ModelApi.CONVERSE
    id: str = "us.deepseek.r1-v1:0"
    imported_body: ImportedBody = ImportedBody.COMPLETION
    max_tokens: int = 300
    temperature: float = 0.0
    top_p: float = 1.0
    system_prompt: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the guarded stages.

    `blocked_messages` are the team's texts after a block, by policy or `default`; without one for the policy that
    blocked, the text is the guardrail's. `rewrite_prompt` replaces the instruction to the model that rewrites a
    follow-up. `messages` are those in other languages, by code. `review` is the rule of the answers that people
    review, as JSON (stepguard/guard/review/rule.py): a broken one must not keep a chat from its answer, so it is read
    where it is used. It is empty where nothing is deployed for reviews.
    """

    guardrails: Mapping[Layer, GuardrailRef]
    model: ModelSettings
    no_hits: re.Pattern[str]
    empty_message: str = EMPTYMESSAGE
    error_message: str = ERRORMESSAGE
    unguarded: bool = False
    answer_hours: int = ANSWER_HOURS
    conversation: ConversationSettings = NO_CONVERSATION
    reasoning_blocks: frozenset[str] = frozenset()
    knowledge: KnowledgeSettings = NO_KNOWLEDGE
    passage_guardrail: GuardrailRef | None = None
    blocked_messages: Mapping[str, str] = field(default_factory=dict)
    rewrite_prompt: str = ""
    messages: Mapping[str, Messages] = field(default_factory=dict)
    streaming: Mode = Mode.FINAL
    review: str = ""

    def check_guarded(self) -> None:
        """Raise UnguardedRefused if no layer is on, unless that is explicit."""
        if not self.guardrails and not self.unguarded:
            raise UnguardedRefused(
                "No guard layer is on, so no question is answered. Set the identifier and the version of a layer's "
                f"guardrail, e.g. {' and '.join(VARIABLES[Layer.PREPROCESS])}, or {UNGUARDED}=yes to answer unguarded."
            )

    def guardrail(self, layer: Layer, chosen: Mapping[str, Any] | None = None) -> GuardrailRef | None:
        """The guardrail of a layer, or None when the layer is off. Raises UnguardedRefused when every layer is.

        `chosen` is the request's `guardrails`, written only by trusted callers. When present, it overrides the
        environment, so that an evaluation of one guardrail never includes the deployed ones.
        """
        if chosen is None:
            self.check_guarded()
            deployed = self.guardrails.get(layer)
            return None if deployed is None else replace(deployed, reasoning_blocks=self.reasoning_blocks)
        if not chosen:
            raise UnguardedRefused("The request's guardrails are empty: they must name that of at least one layer.")
        ref = chosen.get(str(layer))
        return None if ref is None else GuardrailRef(str(ref["id"]), str(ref["version"]), self.reasoning_blocks)


def about_guardrail(layer: Layer, ref: GuardrailRef) -> str:
    """A layer's guardrail for errors: identifier, version, and the variables that name it."""
    id_variable, version_variable = PASSAGE_VARIABLES if layer is Layer.PASSAGES else VARIABLES[layer]
    return (
        f"It concerns guardrail {ref.id} version {ref.version} of the {layer} layer, from {id_variable} and "
        f"{version_variable} or the run's own guardrails."
    )


def about_model(model: ModelSettings, ref: GuardrailRef | None) -> str:
    """The model and its layer's guardrail for errors, with the variables that name them."""
    named = f"It concerns the model {model.id} through {model.api}, from LLM_MODEL_ID and LLM_API."
    return named if ref is None else f"{named} {about_guardrail(Layer.MODEL, ref)}"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from environment variables.

    Raises ConfigurationError that names the variable, also if only one of a guardrail's two variables is set.
    """
    guardrails = read_guardrails(environment)
    return Settings(
        guardrails=guardrails,
        unguarded=_unguarded(environment, guardrails),
        model=_model(environment),
        no_hits=compile_no_hits(_text(environment, "LLM_QA_NO_HITS_REGEX", LLM_QA_NO_HITS_REGEX)),
        empty_message=_text(environment, "EMPTYMESSAGE", EMPTYMESSAGE),
        error_message=_text(environment, "ERRORMESSAGE", ERRORMESSAGE),
        messages=_messages(environment),
        conversation=_conversation(environment),
        answer_hours=_number(environment, "ANSWER_HOURS", ANSWER_HOURS, MOST_ANSWER_HOURS),
        reasoning_blocks=_reasoning_blocks(environment),
        knowledge=_knowledge(environment),
        passage_guardrail=read_pair(environment, PASSAGE_VARIABLES, "guard of passages"),
        streaming=read_mode(_text(environment, "LLM_STREAMING_ENABLED", "")),
        review=_text(environment, "REVIEW_RULE", ""),
    )


def _messages(environment: Mapping[str, str]) -> dict[str, Messages]:
    given = _text(environment, "MESSAGES", "")
    if not given:
        return {}
    from stepguard.guard.texts.messages import read_messages

    return read_messages(given)


def _conversation(environment: Mapping[str, str]) -> ConversationSettings:
    return ConversationSettings(
        on=_yes(environment, CONVERSATIONS, "no"),
        days=_number(environment, "CONVERSATION_DAYS", DAYS, MOST_DAYS),
        turns=_number(environment, "LLM_CHAT_HISTORY_MAX_MESSAGES", MOST_TURNS, MOST_TURNS),
        rewriting=_yes(environment, "LLM_GENERATE_QUERY_ENABLE", "no", _QNABOT_WORDS),
        rewriter=_text(environment, "LLM_GENERATE_QUERY_MODEL_ID", ""),
        judged=_number(environment, "CONVERSATION_GUARD_TURNS", 0, MOST_TURNS, least=0),
    )


def _knowledge(environment: Mapping[str, str]) -> KnowledgeSettings:
    access = _text(environment, "KNOWLEDGE_BASE_ACCESS", "").lower()
    if access not in ("", *Access):
        raise ConfigurationError(f"KNOWLEDGE_BASE_ACCESS is '{access}'; it must be {' or '.join(Access)}.")
    return KnowledgeSettings(
        id=_text(environment, "KNOWLEDGE_BASE_ID", ""),
        access=Access(access) if access else None,
        results=_number(
            environment, "KNOWLEDGE_BASE_MAX_NUMBER_OF_RETRIEVED_RESULTS", KnowledgeSettings().results, MOST_RESULTS
        ),
        search=_choice(Search, environment, "KNOWLEDGE_BASE_SEARCH_TYPE", Search.DEFAULT),
        filters=read_filters(_text(environment, "KNOWLEDGE_BASE_METADATA_FILTERS", "")),
        reranking_model=_text(environment, "KNOWLEDGE_BASE_RERANKING_MODEL", ""),
        only=_yes(environment, "KNOWLEDGE_ONLY", "yes"),
    )


_WORDS: Mapping[str, bool] = {"yes": True, "no": False}
_QNABOT_WORDS: Mapping[str, bool] = {**_WORDS, "true": True, "false": False}
"""QnABot's own setting has the last two."""


def _yes(environment: Mapping[str, str], name: str, default: str, words: Mapping[str, bool] = _WORDS) -> bool:
    value = _text(environment, name, default).lower()
    if value not in words:
        raise ConfigurationError(f"{name} is '{value}'; it must be yes or no.")
    return words[value]


def read_guardrails(environment: Mapping[str, str]) -> dict[Layer, GuardrailRef]:
    """The layers that are on.

    Raises ConfigurationError that names the variable: one of a pair is missing, a value is no identifier or version, or
    the layer is unknown.
    """
    unknown = sorted(name for name in environment if name not in _KNOWN and _names_a_layer(name.upper()))
    if unknown:
        raise ConfigurationError(
            f"{', '.join(unknown)}: there is no such layer; known are {', '.join(sorted(_KNOWN))}."
        )
    found = {layer: read_pair(environment, names, f"{layer} guard layer") for layer, names in VARIABLES.items()}
    return {layer: ref for layer, ref in found.items() if ref is not None}


def read_pair(environment: Mapping[str, str], names: tuple[str, str], what: str) -> GuardrailRef | None:
    """The guardrail that a pair of variables names; None if neither is set. Raises ConfigurationError."""
    id_variable, version_variable = names
    identifier, version = _text(environment, id_variable, ""), _text(environment, version_variable, "")
    if bool(identifier) != bool(version):
        given, missing = (id_variable, version_variable) if identifier else (version_variable, id_variable)
        raise ConfigurationError(f"{missing} is not set but {given} is: set both to switch the {what} on, or neither.")
    if not identifier:
        return None
    ref = GuardrailRef(identifier, version)
    if problem := ref.problem:
        raise ConfigurationError(f"{id_variable} and {version_variable}: {problem}.")
    return ref


def _names_a_layer(name: str) -> bool:
    """Whether a variable can only be meant for a guard layer, as misspelt ones are."""
    return name.endswith(_SUFFIXES) or name.startswith(_PREFIXES)


def _unguarded(environment: Mapping[str, str], guardrails: Mapping[Layer, GuardrailRef]) -> bool:
    unguarded = _yes(environment, UNGUARDED, "no")
    if unguarded and guardrails:
        given = ", ".join(VARIABLES[layer][0] for layer in guardrails)
        raise ConfigurationError(f"{UNGUARDED}=yes contradicts {given}: remove one of them.")
    return unguarded


def _reasoning_blocks(environment: Mapping[str, str]) -> frozenset[str]:
    """The kinds of AUTOMATED_REASONING_BLOCKS, in any letter case."""
    known = {kind.casefold(): kind for kind in REASONING_FINDINGS}
    names = [name.strip() for name in _text(environment, REASONING_BLOCKS, "").split(",") if name.strip()]
    unknown = [name for name in names if name.casefold() not in known]
    if unknown:
        raise ConfigurationError(
            f"{REASONING_BLOCKS} has {', '.join(unknown)}; known are {', '.join(REASONING_FINDINGS)}, separated by "
            "commas."
        )
    return frozenset(known[name.casefold()] for name in names)


def _text(environment: Mapping[str, str], name: str, default: str) -> str:
    return environment.get(name, "").strip() or default


def _number(environment: Mapping[str, str], name: str, default: int, most: int, least: int = 1) -> int:
    text = _text(environment, name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 5 and least <= int(text) <= most):
        raise ConfigurationError(f"{name} must be a whole number from {least} to {most}.")
    return int(text)


def compile_no_hits(source: str) -> re.Pattern[str]:
    """The pattern of LLM_QA_NO_HITS_REGEX. Raises ConfigurationError."""
    try:
        return re.compile(source, re.IGNORECASE | re.MULTILINE)
    except re.error as error:
        raise ConfigurationError(f"LLM_QA_NO_HITS_REGEX is not a regular expression: {error}.") from None


def _choice(kind: type[Choice], environment: Mapping[str, str], name: str, default: Choice) -> Choice:
    value = _text(environment, name, default)
    try:
        return kind(value.upper())
    except ValueError:
        raise ConfigurationError(f"{name} is '{value}'; it must be one of {', '.join(kind)}.") from None


def _model(environment: Mapping[str, str]) -> ModelSettings:
    parameters = read_parameters("LLM_QA_MODEL_PARAMS", _text(environment, "LLM_QA_MODEL_PARAMS", "{}"))
    return ModelSettings(
        api=_choice(ModelApi, environment, "LLM_API", ModelApi.CONVERSE),
        id=_text(environment, "LLM_MODEL_ID", ModelSettings().id),
        imported_body=_choice(ImportedBody, environment, "LLM_IMPORTED_BODY", ImportedBody.COMPLETION),
        system_prompt=_text(environment, "LLM_QA_SYSTEM_PROMPT", ""),
        max_tokens=int(parameters.get("maxTokens", ModelSettings().max_tokens)),
        temperature=float(parameters.get("temperature", ModelSettings().temperature)),
        top_p=float(parameters.get("topP", ModelSettings().top_p)),
    )


_RANGES: dict[str, tuple[float, float]] = {"maxTokens": (1, 32_768), "temperature": (0, 1), "topP": (0, 1)}


def read_parameters(name: str, source: str) -> dict[str, float]:
    """The sampling parameters of a JSON text. Raises ConfigurationError, which begins with `name`."""
    try:
        parameters = json.loads(source)
    except ValueError:
        raise ConfigurationError(f"{name} is not JSON.") from None
    if not isinstance(parameters, dict):
        raise ConfigurationError(f"{name} must be a JSON object.")
    for key, value in parameters.items():
        if key not in _RANGES:
            raise ConfigurationError(f"{name} has an unknown member '{key}'; known are {', '.join(_RANGES)}.")
        low, high = _RANGES[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ConfigurationError(f"{name}: '{key}' must be a number from {low:g} to {high:g}.")
    if parameters.get("maxTokens", 1) % 1:
        raise ConfigurationError(f"{name}: 'maxTokens' must be a whole number.")
    return parameters
