"""A guardrail around a model call: the parts that Converse and InvokeModel share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from embedded_aws.bedrock.guardrail import Guardrail
from embedded_aws.bedrock.judge.evaluation import (
    GROUNDING_SOURCE,
    GUARD_CONTENT,
    QUERY,
    Block,
    Evaluation,
    Scope,
    joined,
)
from embedded_aws.bedrock.judge.judge import Judge
from embedded_aws.bedrock.models.base import Role
from embedded_aws.bedrock.policies import grounding
from embedded_aws.wire import ServiceError


@dataclass(frozen=True, slots=True)
class Guard:
    """One call's guardrail with how its findings are to be traced."""

    guardrail: Guardrail
    judge: Judge
    full: bool

    def input(
        self,
        blocks: Sequence[Block],
        newest: Collection[int],
        *,
        prompt_characters: int,
        prompt_images: int = 0,
        prompt_attack: bool = True,
    ) -> Evaluation:
        """Judge the prompt, of `prompt_characters` and `prompt_images` in all; `newest` are its last turn's.

        Raises ServiceError if there is nothing to judge, or a source without a query or a query without a source.
        """
        if not any(block.text.strip() or block.image for block in blocks):
            raise ServiceError("ValidationException", "Guardrail was enabled but input is in incorrect format.")
        if self.compares(blocks):
            # Checked first, so that an invalid request costs no model call.
            grounding.check(
                grounding.Grounding(joined(blocks, GROUNDING_SOURCE), joined(blocks, QUERY), answer="(to come)")
            )
        unseen = prompt_characters - sum(len(block.text) for block in blocks)
        unseen_images = prompt_images - sum(block.image is not None for block in blocks)
        checked = self.judge(
            self.guardrail,
            "INPUT",
            blocks,
            Scope(self.full, prompt_attack, unseen_characters=unseen, unseen_images=unseen_images),
        )
        if not checked.masked:
            return checked
        masked = [n for n, text in zip(checked.guarded, checked.outputs, strict=True) if text != blocks[n].text]
        return replace(checked, earlier=not any(number in newest for number in masked))

    def compares(self, prompt: Sequence[Block]) -> bool:
        """Whether contextual grounding compares an answer with this prompt: it judges whole answers only."""
        active = grounding.active(self.guardrail.policy("contextualGroundingPolicyConfig"))
        return bool(active) and _grounds(prompt)

    def output(self, text: str, prompt: Sequence[Block]) -> Evaluation:
        """Judge the model's answer to a prompt. Without a source and a query, contextual grounding does not run."""
        context = [
            Block(block.text, block.qualifiers - {GUARD_CONTENT})
            for block in prompt
            if block.qualifiers & {GROUNDING_SOURCE, QUERY}
        ]
        blocks = [*context, Block(text, frozenset({GUARD_CONTENT}))]
        return self.judge(self.guardrail, "OUTPUT", blocks, Scope(self.full, grounding=bool(context)))


def _grounds(blocks: Sequence[Block]) -> bool:
    """Whether a prompt names a grounding source or a query."""
    return any(block.qualifiers & {GROUNDING_SOURCE, QUERY} for block in blocks)


def guard(
    find: Callable[[str, str], Guardrail],
    judge: Judge,
    identifier: str | None,
    version: str | None,
    *,
    full: bool,
) -> Guard | None:
    """The guardrail that a model call names; None without one.

    Raises ServiceError(ValidationException) for an incomplete name and for a missing guardrail.
    """
    if not identifier and not version:
        return None
    if not identifier or not version:
        missing = "guardrailVersion" if identifier else "guardrailIdentifier"
        raise ServiceError(
            "ValidationException",
            f"{missing} is missing: a guardrail needs both guardrailIdentifier and guardrailVersion.",
        )
    return Guard(find(identifier, version), judge, full)


def newest_turn(conversation: Iterable[tuple[Role | None, int]]) -> set[int]:
    """The messages that the user added since the last answer, from the role and number of each; a raw prompt has no
    role."""
    found: set[int] = set()
    answered = False
    for role, number in conversation:
        if role == "assistant":
            answered = True
        elif role != "system":
            found = {number} if answered else found | {number}
            answered = False
    return found


def strongest(*evaluations: Evaluation | None) -> str:
    """The actionReason of a call judged more than once."""
    happened = [evaluation for evaluation in evaluations if evaluation is not None]
    for chosen in (
        next((one for one in happened if one.blocked), None),
        next((one for one in happened if one.masked), None),
    ):
        if chosen is not None:
            return chosen.reason
    return "No action."
