"""`stepguard guardrail lint`: known mistakes in guardrail files, found without AWS.

Errors are what CreateGuardrail refuses: botocore's service model and the rules beyond it
(embedded_aws/bedrock/api/limits.py). Warnings are for what is accepted but has no effect or an unexpected one; each
names the rule of the user guide. Notes are for what is right, but only AWS can evaluate it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from botocore.model import Shape

from embedded_aws.bedrock.api.limits import check_rules, unevaluated
from embedded_aws.bedrock.detection import IMAGE_TYPES
from embedded_aws.bedrock.detectors.text.languages import CLASSIC_LANGUAGES, covers, language
from embedded_aws.bedrock.packages import PackageMissingError
from embedded_aws.bedrock.policies.base import tier
from embedded_aws.wire import ServiceError, service_model
from embedded_aws.wire.limits import check
from stepguard.admin.probe import acts, is_blind
from stepguard.cli import render
from stepguard.guard.grounding import checks_grounding
from stepguard.guard.stages import DIRECTIONS, Direction, Layer
from stepguard.project.folder import find_project
from stepguard.project.guardrail_files import read_guardrail_files

Entry = Mapping[str, Any]

# The user guide's advice on denied topics: define the subject, give no instructions, define nothing negatively.
_NEGATION = re.compile(
    r"\b(?:not|never|nothing|except|other than|anything but|everything but|unrelated|irrelevant|outside)\b|n['’]t\b",
    re.IGNORECASE,
)
_INSTRUCTION = re.compile(
    r"^\W*(?:please |always |never |you (?:must|should) )?"
    r"(?:block|refuse|reject|deny|prevent|answer|allow|do not|don['’]t)\b",
    re.IGNORECASE,
)
_WIDE = re.compile(
    r"^\W*(?:anything|everything|(?:all|any)\s+(?:\w+\s+)?(?:content|question|topic|request|text|prompt)s?)\W*"
    r"(?:$|about\s+\w+\W*$)",
    re.IGNORECASE,
)
_FEW_WORDS = 3
_REASONING = "automatedReasoningPolicyConfig"


@dataclass(frozen=True, slots=True)
class Problem:
    """`where` is the member's path in the file; a file with an error cannot be applied."""

    file: str
    level: Literal["error", "warning", "note"]
    where: str
    message: str


def run(arguments: argparse.Namespace) -> int:
    """Print every problem of the files. Exit code 1 if one is an error; with --strict, if there is one of any level."""
    paths = [Path(path) for path in arguments.paths] or [find_project().path("guardrails")]
    files = read_guardrail_files(paths)
    problems = [problem for file, configuration in files.items() for problem in lint(file, configuration)]
    if arguments.probe:
        problems += [problem for file, configuration in files.items() for problem in _probed(file, configuration)]
    errors, warnings, notes = (
        sum(problem.level == level for problem in problems) for level in ("error", "warning", "note")
    )
    if arguments.json:
        print(render.as_json({"files": [str(file) for file in files], "problems": [asdict(item) for item in problems]}))
    else:
        for item in problems:
            print(render.plain(f"{item.file}: {item.level}: {item.where}: {item.message}"))
        print(f"{len(files)} files, {errors} errors, {warnings} warnings, {notes} notes")
    return 1 if errors or (arguments.strict and problems) else 0


def lint(file: Path, configuration: Entry) -> Iterator[Problem]:
    """All problems of one guardrail; the file's name (preprocess, model, postprocess) is its layer."""
    for error in _refusals(configuration):
        yield Problem(str(file), "error", "CreateGuardrail", error)
    if not _readable(configuration):  # types are wrong: no other check is possible
        return
    sent = DIRECTIONS.get(file.stem, tuple(Direction))  # a file of another name may be used for both
    directions = tuple(direction.lower() for direction in sent)
    for where, message in _warnings(configuration, directions, file.stem):
        yield Problem(str(file), "warning", where, message)
    for where, message in _notes(configuration):
        yield Problem(str(file), "note", where, message)


def _probed(file: Path, configuration: Entry) -> Iterator[Problem]:
    """How well each topic separates; nothing of a file that cannot be read."""
    from stepguard.cli.guardrail.separation import separations

    if _readable(configuration) and not _refusals(configuration):
        for where, found in separations(configuration):
            yield Problem(str(file), found.level, where, found.message)


def unknown_members(configuration: Entry) -> list[str]:
    """Members, at any depth, that CreateGuardrail does not have: `topicPolicyConfig.topicsConfig.1.exemples`.

    AWS's clients refuse them before sending anything.
    """
    return list(_unknown(_shape(), configuration, ""))


def _shape() -> Shape:
    shape = service_model("bedrock").operation_model("CreateGuardrail").input_shape
    assert shape is not None  # the model has it
    return shape


def _unknown(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping) and shape.type_name == "structure":
        for name, item in value.items():
            if name in shape.members:
                yield from _unknown(shape.members[name], item, f"{path}{name}.")
            else:
                yield f"{path}{name}"
    elif isinstance(value, list) and shape.type_name == "list":
        for number, item in enumerate(value, 1):
            yield from _unknown(shape.member, item, f"{path}{number}.")


def _refusals(configuration: Entry) -> list[str]:
    """Why CreateGuardrail would refuse the guardrail: it stops at the first reason, so each policy is checked
    separately."""
    whole = _refusal(configuration)
    if whole is None:
        return []
    policies = {name: value for name, value in configuration.items() if str(name).endswith("PolicyConfig")}
    profile = {name: value for name, value in configuration.items() if name == "crossRegionConfig"}
    head = {name: value for name, value in configuration.items() if name not in policies}
    parts = [head | _ONE_POLICY, *({**_HEAD, **profile, name: value} for name, value in policies.items())]
    found = dict.fromkeys(reason for part in parts if (reason := _refusal(part)) is not None)
    return list(found) or [whole]


_HEAD = {"name": "any", "blockedInputMessaging": "No.", "blockedOutputsMessaging": "No."}
_ONE_POLICY = {"wordPolicyConfig": {"managedWordListsConfig": [{"type": "PROFANITY"}]}}


def _refusal(configuration: Entry) -> str | None:
    """Why CreateGuardrail would refuse the guardrail, in its own words."""
    if unknown := unknown_members(configuration):
        return f"CreateGuardrail has no member {', '.join(unknown)}"
    try:
        check(_shape(), configuration)
        check_rules(configuration)
    except ServiceError as refused:
        return refused.message
    return None


def _readable(configuration: Entry) -> bool:
    """Whether policies are mappings whose lists hold mappings, so that they can be looked into."""
    policies = [
        # The policies of automated reasoning are ARNs: no other check reads them.
        {} if name == _REASONING and isinstance(value, Mapping) else value
        for name, value in configuration.items()
        if str(name).endswith("PolicyConfig")
    ]
    return all(
        isinstance(policy, Mapping)
        and all(
            all(isinstance(item, Mapping) for item in value) for value in policy.values() if isinstance(value, list)
        )
        for policy in policies
    )


def _warnings(configuration: Entry, directions: tuple[str, ...], layer: str) -> Iterator[tuple[str, str]]:
    yield from _grounding(configuration, layer)
    yield from _reasoning(configuration, layer)
    yield from _topics(configuration)
    yield from _languages(configuration)
    for policy, members, label in (
        ("contentPolicyConfig", "filtersConfig", "type"),
        ("topicPolicyConfig", "topicsConfig", "name"),
        ("sensitiveInformationPolicyConfig", "piiEntitiesConfig", "type"),
        ("sensitiveInformationPolicyConfig", "regexesConfig", "name"),
    ):
        for entry in _entries(configuration, policy, members):
            where = f"{policy}.{members} {entry.get(label, '?')}"
            for message in (*_idle(entry, directions, layer), *_blind(entry, directions)):
                yield where, message


def _grounding(configuration: Entry, layer: str) -> Iterator[tuple[str, str]]:
    filters = _entries(configuration, "contextualGroundingPolicyConfig", "filtersConfig")
    if filters and layer in (Layer.PREPROCESS, Layer.POSTPROCESS):
        yield (
            "contextualGroundingPolicyConfig",
            f"the {layer} layer sends no grounding source and no query, so contextual grounding never runs there; "
            "put it into model.yaml",
        )
    if layer == Layer.MODEL and not checks_grounding(configuration):
        yield (
            "contextualGroundingPolicyConfig",
            "no GROUNDING filter: answers from passages are not checked against them",
        )


def _reasoning(configuration: Entry, layer: str) -> Iterator[tuple[str, str]]:
    if not configuration.get(_REASONING):
        return
    if layer == Layer.PREPROCESS:
        yield (
            _REASONING,
            "automated reasoning proves an answer, but the preprocess layer sends the question; put it into model.yaml "
            "or postprocess.yaml",
        )
    if not configuration.get("crossRegionConfig"):
        # aws-samples/amazon-bedrock-samples, responsible_ai/bedrock-automated-reasoning-checks
        yield _REASONING, "AWS requires crossRegionConfig with automated reasoning, for example us.guardrail.v1:0"


def _notes(configuration: Entry) -> Iterator[tuple[str, str]]:
    """What only AWS evaluates: the file is right, and the embedded Bedrock refuses it or judges it differently."""
    for where, reason in unevaluated(configuration).items():
        yield where, f"{reason} and refuses this guardrail; use it on AWS"
    for entry in _entries(configuration, "contentPolicyConfig", "filtersConfig"):
        kind = entry.get("type", "?")
        images = [way for way in ("input", "output") if "IMAGE" in (entry.get(f"{way}Modalities") or ())]
        if images and kind not in IMAGE_TYPES:
            yield (
                f"contentPolicyConfig.filtersConfig {kind}",
                f"the embedded Bedrock judges images for {', '.join(sorted(IMAGE_TYPES))} only: it refuses an image "
                "that this filter must judge",
            )


def _languages(configuration: Entry) -> Iterator[tuple[str, str]]:
    """Policies of the CLASSIC tier in a guardrail whose texts show that its users write in another language."""
    messages = [str(configuration.get(name, "")) for name in ("blockedInputMessaging", "blockedOutputsMessaging")]
    topics = [
        " ".join([str(topic.get("definition", "")), *map(str, topic.get("examples") or ())])
        for topic in _entries(configuration, "topicPolicyConfig", "topicsConfig")
    ]
    try:
        languages = {language(text) for text in (*topics, *messages)}
    except PackageMissingError as error:
        yield "tierConfig", f"the languages of the texts were not checked: {error}"
        return
    for policy in ("topicPolicyConfig", "contentPolicyConfig"):
        given = configuration.get(policy) or {}
        found = {one.code for one in languages if not covers(tier(given), one)}
        if given and found:
            yield (
                f"{policy}.tierConfig",
                f"texts of this guardrail are in {', '.join(sorted(found))}, and the CLASSIC tier covers "
                f"{', '.join(sorted(CLASSIC_LANGUAGES))} only; set tierName to STANDARD, with crossRegionConfig",
            )


def _topics(configuration: Entry) -> Iterator[tuple[str, str]]:
    for topic in _entries(configuration, "topicPolicyConfig", "topicsConfig"):
        definition, where = str(topic.get("definition", "")), f"topicPolicyConfig.topicsConfig {topic.get('name', '?')}"
        if _INSTRUCTION.search(definition):
            yield where, "the definition is an instruction; describe the subject, as a noun phrase"
        elif _NEGATION.search(definition):
            yield (
                where,
                "the definition describes what the topic is not; describe what it is",
            )
        if _WIDE.search(definition) or len(definition.split()) < _FEW_WORDS:
            yield where, "the definition is so wide or short that the topic fits nearly everything or nothing"
        if not topic.get("examples"):
            yield where, "the topic has no examples; up to five phrases show what is meant"


def _idle(entry: Entry, directions: tuple[str, ...], layer: str) -> Iterator[str]:
    """The parts of an entry that can never act in its file's layer; an entry that is off in both directions is
    intended."""
    given = " and ".join(directions)
    acting = [direction for direction in ("input", "output") if acts(entry, direction)]
    if acting and not set(acting) & set(directions):
        yield f"acts on {acting[0]} only, but the {layer} layer sends {given} only: it never applies"
        return
    for direction in {"input", "output"} - set(directions):
        if entry.get(f"{direction}Action") == "ANONYMIZE":
            yield f"{direction}Action ANONYMIZE never applies: the {layer} layer sends {given} only"


def _blind(entry: Entry, directions: tuple[str, ...]) -> Iterator[str]:
    """Directions in which a content filter checks only images: the workflow sends texts."""
    for direction in directions:
        if is_blind(entry, direction) and acts(entry, direction):
            yield f"{direction}Modalities has no TEXT: this filter does not check texts"


def _entries(configuration: Entry, policy: str, members: str) -> list[Entry]:
    found = (configuration.get(policy) or {}).get(members) or []
    return found if isinstance(found, list) else []
