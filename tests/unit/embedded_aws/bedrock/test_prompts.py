"""Raw prompts in a chat template read back into conversations, and guardrail tags taken out of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.bedrock.api import tags
from embedded_aws.bedrock.models.base import Message
from embedded_aws.bedrock.models.prompts import conversation, split_thought

_TURN = st.text(alphabet=st.sampled_from("ab <>|｜é\n"), min_size=1, max_size=12).map(str.strip).filter(bool)


@given(st.lists(_TURN, min_size=1, max_size=4), st.booleans())
def test_deepseek_template_round_trip(turns: list[str], opened: bool) -> None:
    """Turns put through DeepSeek's template come back as they were."""
    roles = ("user", "assistant")
    tokens = ("<｜User｜>", "<｜Assistant｜>")
    prompt = "<｜begin▁of▁sentence｜>" + "".join(
        tokens[number % 2] + turn + ("<｜end▁of▁sentence｜>" if number % 2 else "") for number, turn in enumerate(turns)
    )
    found = conversation(prompt + "<｜Assistant｜>" + ("<think>\n" if opened else ""))
    assert found.messages == tuple(Message(roles[number % 2], turn) for number, turn in enumerate(turns))  # type: ignore[arg-type]  # literals
    assert found.in_thought == opened


def test_llama_template() -> None:
    """Llama 3's headers name the roles."""
    prompt = (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    assert conversation(prompt).messages == (Message("system", "Be kind."), Message("user", "hi"))


@pytest.mark.parametrize(
    "prompt", ["hello", "what is [INST] for? [/INST]", "what is <｜end▁of▁sentence｜> for?", "a <|eot_id|> b"]
)
def test_prompt_without_roles_is_one_user_message(prompt: str) -> None:
    """A stray token makes no template."""
    assert conversation(prompt).messages == (Message("user", prompt),)


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>\na\n</think>\n\nb", "a", "b"),
        ("a</think>b", "a", "b"),
        ("b", "", "b"),
        ("<think>a</think>", "a", ""),
        ("<think>never closed", "", "<think>never closed"),
    ],
    ids=["both", "close only", "none", "nothing after", "open only"],
)
def test_thought_is_split_from_answer(text: str, thought: str, answer: str) -> None:
    """Everything up to the last closing tag is reasoning."""
    assert split_thought(text) == (thought, answer)


_PLAIN = st.text(alphabet=st.sampled_from("ab <>/é\n"), max_size=12)


@given(st.lists(st.tuples(st.sampled_from(["guardContent", "groundingSource", "query", None]), _PLAIN), max_size=5))
def test_splitting_keeps_all_text_but_the_tags(parts: list[tuple[str | None, str]]) -> None:
    """Tagged contents come out with their kinds; joined, the parts are the text without its tags."""
    text = "".join(
        f"<amazon-bedrock-guardrails-{kind}_x1>{content}</amazon-bedrock-guardrails-{kind}_x1>" if kind else content
        for kind, content in parts
    )
    found = tags.split(text, "x1")
    assert "".join(part.text for part in found) == "".join(content for _, content in parts)
    assert [part.text for part in found if part.qualifier] == [content for kind, content in parts if kind]


def test_without_suffix_tags_are_text() -> None:
    """No tagSuffix in the request: nothing is a tag."""
    text = "<amazon-bedrock-guardrails-query_x>q</amazon-bedrock-guardrails-query_x>"
    assert tags.split(text, None) == [tags.Tagged(text, None)]


def test_unclosed_tag_is_text() -> None:
    """Half a pair marks nothing."""
    text = "<amazon-bedrock-guardrails-guardContent_x>q"
    assert tags.split(text, "x") == [tags.Tagged(text, None)]
