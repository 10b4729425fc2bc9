"""Control tokens of chat templates in text of users and documents, made harmless.

A prompt is one string to a model's tokenizer: `<|im_start|>` or `[/INST]` in a question could begin another turn there.
The rules cover the tokens of the templates published with DeepSeek, Llama 2 to 4, Mistral and Magistral, Gemma, Qwen,
Phi, GLM, Cohere, gpt-oss (harmony), EXAONE, Kimi, Granite, Seed, MiniMax and Nemotron (their `chat_template`, collected
at https://github.com/ggml-org/llama.cpp/tree/master/models/templates), and the added tokens of Reka, TeleChat and
openPangu. Labels in plain words such as "Human:" are no tokens, so they stay.
"""

from __future__ import annotations

import re
import unicodedata

from stepguard.guard.texts.reasoning import NAMES as REASONING

_ANGLE = re.compile(r"[<＜﹤]([^<>＜＞﹤﹥]*)[>＞﹥]")
_SQUARE = re.compile(r"[\[［﹇]([^\[\]［］﹇﹈]*)[\]］﹈]")
_TRIANGLE = re.compile("◁([^◁▷]*)▷")
_LONE_BAR = re.compile("<｜|｜>")  # half of a DeepSeek token
_MINIMAX = re.compile(r"\]~!?b[\]\[]|\[e~\[|\]<\][^\[\]<>]{1,40}\[>\[")
_QUOTED = {"<": "‹", ">": "›", "[": "⟦", "]": "⟧", "◁": "‹", "▷": "›"}
"""What replaces a bracket: a different character in every Unicode normal form, which people and models still read."""

# Between bars any name is a token, on either side alone too (`<|turn>` and `<turn|>` of Gemma 4).
_BARS = re.compile(r"\|[^\s|]{1,64}\|?|[^\s|]{1,64}\|")
_SPACED_BARS = re.compile(
    r"\|(?:im_\w+|\w*header\w*|\w*eo[stm](?:_id)?|endof\w+|(?:start|begin|end)(?:_?of_?\w+)?|user|assistant|system|"
    r"developer|tool\w*|channel|message|return|call|constrain|think\w*)\|"
)
_ANGLE_NAMES = re.compile(
    r"/?(?:s|sys|(?:[be]o[a-z]|pad|unk)(?:_token)?|[sg]?mask|[se]op|sep|cls|_(?:start|end|system|user|bot)|role|ai|"
    r"用户|tools|tool_?calls?|tool_?responses?|available_tools|"
    r"(?:start|end|begin|beginning)[_▁]of[_▁]\w+|endoftext|fim[_-]\w+|unused_?\d+|extra_id_\d+|special_\d+|"
    r"reserved_\w*\d+|\w+:(?:[be]os|pad|tool_calls?|cot_budget_reflect))"
)
_SQUARE_NAMES = re.compile(
    r"(?i:/?(?:inst|sys|system_prompt|available_tools|tool_(?:calls|results|content)|model_settings|call_id|"
    r"[gs]mask|control_\d+|unused_?\d+|think|thinking))|/?(?:ARGS|IMG(?:_BREAK|_END)?|PREFIX|MIDDLE|SUFFIX|"
    r"(?:BEGIN_)?AUDIO|MASK|CLS|SEP|BOS|EOS|PAD|UNK)"
)
_REASONING = re.compile(rf"/?(?:{REASONING})(?:[\s/].*)?", re.DOTALL)
_SIGNS = re.compile("[<＜﹤\\[［﹇]|[◁｜]|]~")


def neutralise(text: str) -> str:
    """The text with the brackets of control tokens replaced (`‹|im_start|›`, `⟦INST⟧`) and nothing else changed.

    Tokens are recognised in any case, in full width, and with blanks or invisible characters inside, because a program
    in front of the model may remove those.
    """
    if not _SIGNS.search(text):
        return text
    text = _ANGLE.sub(lambda token: _quoted(token[0]) if _is_angle_token(token[1]) else token[0], text)
    text = _SQUARE.sub(lambda token: _quoted(token[0]) if _is_square_token(token[1]) else token[0], text)
    text = _TRIANGLE.sub(lambda token: _quoted(token[0]) if _is_reasoning(_read(token[1])) else token[0], text)
    text = _MINIMAX.sub(lambda token: _quoted(token[0]), text)
    return _LONE_BAR.sub(lambda half: half[0].replace("<", "‹").replace(">", "›"), text)


def _quoted(token: str) -> str:
    """The token with its first and last bracket replaced."""
    first, last = (_QUOTED[unicodedata.normalize("NFKC", bracket)] for bracket in (token[0], token[-1]))
    return first + token[1:-1] + last


def _read(inside: str) -> str:
    """What stands between the brackets without marks, control and invisible characters, in compatibility form."""
    if inside.isascii() and inside.isprintable():
        return inside.strip()
    seen = (char for char in inside if unicodedata.category(char)[0] not in "CM" or char.isspace())
    return unicodedata.normalize("NFKC", "".join(seen)).replace("\u115f", "").replace("\u1160", "").strip()


def _is_angle_token(inside: str) -> bool:
    name = _read(inside).casefold()
    compact = "".join(name.split())
    return bool(
        _BARS.fullmatch(name)
        or _SPACED_BARS.fullmatch(compact)
        or _ANGLE_NAMES.fullmatch(compact)
        or _is_reasoning(name)
    )


def _is_square_token(inside: str) -> bool:
    name = "".join(_read(inside).split())
    return bool(_SQUARE_NAMES.fullmatch(name) or re.fullmatch(r"\|[^|]{1,64}\|", name))


def _is_reasoning(name: str) -> bool:
    return bool(_REASONING.fullmatch(re.sub(r"^/\s*", "/", name.casefold())))
