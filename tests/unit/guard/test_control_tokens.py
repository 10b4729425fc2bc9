"""Control tokens in text of users and documents.

The tokens are those in the chat templates published with the models, as collected at
https://github.com/ggml-org/llama.cpp/tree/master/models/templates and in its src/llama-chat.cpp.
"""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepguard.guard.prompts import ASSISTANT, BEGIN, END, THINK, USER, deepseek_prompt
from stepguard.guard.texts.control_tokens import neutralise

FAMILIES = {
    "DeepSeek": f"{BEGIN} {END} {USER} {ASSISTANT} <think> </think> "
    "<｜tool▁calls▁begin｜> <｜tool▁sep｜> <｜fim▁hole｜> <|EOT|>",
    "Llama 2": "<s> </s> [INST] [/INST] <<SYS>> <</SYS>>",
    "Llama 3": "<|begin_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|> <|eom_id|> <|python_tag|>",
    "Llama 4": "<|header_start|> <|header_end|> <|eot|>",
    "Mistral": "[SYSTEM_PROMPT] [/SYSTEM_PROMPT] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_CALLS] [TOOL_RESULTS] "
    "[/TOOL_RESULTS] [IMG] [ARGS] [CALL_ID] [THINK] [/THINK] [MODEL_SETTINGS]",
    "Gemma": "<bos> <eos> <start_of_turn> <end_of_turn> <|turn> <turn|> "
    '<|channel> <channel|> <|tool_call> <tool_call|> <|"|>',
    "ChatML": "<|im_start|> <|im_sep|> <|im_end|> <|endoftext|> <tool_call> </tool_call> <tool_response> <tools>",
    "Phi": "<|system|> <|user|> <|assistant|> <|end|> <|/tool_call|>",
    "GLM": "[gMASK] [sMASK] <sop> <eop> <|observation|>",
    "Cohere": "<|START_OF_TURN_TOKEN|> <|CHATBOT_TOKEN|> <|START_THINKING|> <|END_THINKING|> <BOS_TOKEN>",
    "harmony": "<|start|> <|channel|> <|message|> <|constrain|> <|call|> <|return|>",
    "EXAONE": "[|system|] [|user|] [|assistant|] [|endofturn|]",
    "Kimi": "<|im_user|> <|im_middle|> <|tool_calls_section_begin|> ◁think▷ ◁/think▷",
    "Granite": "<|start_of_role|> <|end_of_role|>",
    "Seed": "<seed:bos> <seed:eos> <seed:think> </seed:think> <seed:tool_call> <seed:cot_budget_reflect>",
    "MiniMax": "]~!b[ ]~b] [e~[ <minimax:tool_call>",
    "Nemotron": "<SPECIAL_10> <AVAILABLE_TOOLS> <TOOLCALL> </TOOLCALL> <TOOL_RESPONSE>",
    "Hunyuan": "<｜hy_place▁holder▁no▁3｜> <|startoftext|> <|extra_0|>",
    "MiniCPM": "<用户> <AI>",
    "SmolVLM": "<end_of_utterance>",
    "Bailing": "<role> </role>",
    "Megrez": "<|role_start|>",
    "OpenChat": "<|end_of_turn|>",
    "Nova": "<thinking> </thinking>",
    "Reka": "<sep>",
    "TeleChat": "<_system> <_user> <_bot> <_end>",
    "openPangu": "[unused9] [unused10]",
    "MiniMax, media": "]<]start_of_image[>[ ]<]speaker[>[",
    "prompts for reasoning": "<scratch_pad> <inner_monologue> <antThinking> <chain_of_thought> </reasoning_content>",
}
TOKENS = [token for family in FAMILIES.values() for token in family.split()]
HOSTILE = st.lists(st.sampled_from([*TOKENS, *"<>[]｜|/ \nab", "think", "User"]), max_size=12).map("".join)
BRACKETS = st.text(st.sampled_from("<>[]｜|/◁▷＜＞［］~ \u200bsINSTthink_"), max_size=20)
INVISIBLE = ["\u200b", "\u00ad", "\u034f", "\ufe0f", "\U000e0041", "\0", "\x1b", "\u0301", "\u202e"]


def wide(text: str) -> str:
    """The ASCII characters in full width."""
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


@given(HOSTILE)
def test_no_control_token_survives(text: str) -> None:
    """However tokens are nested or broken up, none is left; the prompt has only its own."""
    plain = neutralise(text)

    assert not [token for token in TOKENS if token.lower() in plain.lower()]
    assert "<｜" not in plain
    assert "｜>" not in plain
    prompt = deepseek_prompt(plain)
    assert (prompt.count(BEGIN), prompt.count(USER), prompt.count(ASSISTANT), prompt.count(THINK)) == (1, 1, 1, 1)


@pytest.mark.parametrize("token", TOKENS)
def test_a_neutralised_token_is_readable(token: str) -> None:
    """Only its brackets change, and the words around it do not."""
    plain = neutralise(f"a{token}b")

    assert plain not in (f"a{token}b", "ab")
    assert [char for char in plain if char.isalpha()] == [char for char in f"a{token}b" if char.isalpha()]
    assert len(plain) == len(token) + 2


@pytest.mark.parametrize("disguise", [str.upper, str.lower, str.title, wide, *INVISIBLE])
@pytest.mark.parametrize(
    "token",
    [
        "[INST]",
        "[/INST]",
        "<<SYS>>",
        "</s>",
        "<start_of_turn>",
        "<|im_start|>",
        "<|eot_id|>",
        "</think>",
        "[gMASK]",
        "<|user|>",
    ],
)
def test_a_disguised_token_is_recognised(token: str, disguise: object) -> None:
    """Another case, full width, or an invisible character after each character inside the brackets."""
    written = disguise(token) if callable(disguise) else token[0] + str(disguise).join(token[1:])
    plain = neutralise(written)

    seen = "".join(char for char in plain if unicodedata.category(char)[0] not in "CM")
    assert token.lower() not in unicodedata.normalize("NFKC", seen).lower()


@pytest.mark.parametrize(
    "tag",
    [
        "< think >",
        "</ think>",
        "<\nthink>",
        "< / THINK >",
        '<think mode="long">',
        "<think/>",
        "< | im_start | >",
        "[ INST ]",
    ],
)
def test_blanks_and_attributes_change_nothing(tag: str) -> None:
    """A lenient parser must not take it for a tag either."""
    assert neutralise(f"a{tag}b") != f"a{tag}b"


@given(st.text().filter(lambda text: not set(text) & set("<>[]◁｜＜［﹤﹇")))
def test_text_without_tokens_is_untouched(text: str) -> None:
    """Everything else stays as it is."""
    assert neutralise(text) == text


@given(st.one_of(HOSTILE, BRACKETS))
def test_nothing_is_neutralised_twice(text: str) -> None:
    """The result has no token, so that it stays as it is."""
    assert neutralise(neutralise(text)) == neutralise(text)


@pytest.mark.parametrize(
    "text",
    [
        "if a<b and c>d", "a <| f |> b", "x |> f <| y", "<b>bold</b>", "think </b>", "1 < 2 | 3 > 2", "I think >so",
        "see [1] and [Instructions]", "prog [args] [prefix]", "[REDACTED] [NAME]", "<p class='user'>", "<ψ|H|ψ>",
        "std::vector<int> v[10];", "List<String>[]", "<https://example.org/?s=1>", "< 5 mg | > 7 mg", "a ~ b [e] c",
        "\n\nHuman: hello\n\nAssistant:",
    ],
)  # fmt: skip
def test_ordinary_brackets_are_untouched(text: str) -> None:
    """Comparisons, pipes, markup, code and lists are no control tokens."""
    assert neutralise(text) == text


@pytest.mark.parametrize("piece", ["<", "[", "<|", "<\u200b", "[INST", "<think ", "<｜", "◁", "]~"])
def test_long_texts_take_linear_time(piece: str) -> None:
    """60,000 characters, as many as a request may have, take well under a second."""
    started = time.process_time()
    neutralise(piece * (60_000 // len(piece)))

    assert time.process_time() - started < 1
