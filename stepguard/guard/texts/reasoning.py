"""The reasoning in a model's text, which is never part of its answer.

Models write it between tags that differ by family and by prompt: `<think>` (DeepSeek, Qwen, GLM), `<thinking>` (Amazon
Nova, Claude), `<reasoning>` (gpt-oss on Bedrock), `[THINK]` (Magistral), `<|START_THINKING|>` (Cohere),
`<seed:think>`, `◁think▷` (Kimi), and channels (gpt-oss, Gemma 4).
"""

from __future__ import annotations

import re
from collections.abc import Callable

NAMES = (
    r"(?:[a-z]\w{0,20}[:_])?(?:think|(?:ant)?thinking|thoughts?|reasoning|reflection|scratch_?pad|monologue|cot|"
    r"chain_of_thoughts?)(?:_(?:process|content|steps?|blocks?))?"
)
"""Names of tags around reasoning, as a pattern for text in lower case."""

# Attributes without a value count only in a tag without blanks before the name: "a < think time" is no tag.
_VALUES = r"""(?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'|[^\s"'<>]+))*\s*/?\s*"""
_TAG = (
    rf"</?{NAMES}(?:[\s/][^<>]*)?>|<\s*/?\s*{NAMES}{_VALUES}>"
    rf"|</?{NAMES}(?:\s+[\w:.-]+\s*=[^<>]*)?\Z"  # the token limit ended the tag
    r"|\[/?\s*think(?:ing)?\s*\]|◁/?\s*think(?:ing)?\s*▷"
    r"|<\|(?:/|begin_of_|end_of_|start_|end_)?(?:thoughts?|thinking|think)\|>"
    r"|<\|channel\|?>\s*(?:analysis|commentary|thought)\b(?:[^<>]{0,64}<\|message\|>)?"
    r"|<\|channel\|>\s*final\s*<\|message\|>|<channel\|>"
)
_TAGS = re.compile(_TAG, re.IGNORECASE)
_CLOSING = re.compile(r"[<\[◁]\|?\s*(?:/|end_)|<channel\|>|<\|channel\|>\s*final", re.IGNORECASE)
_CODE = (
    r"^(?P<fence>`{3,}|~{3,})[^\n]*\n.*?^(?P=fence)[`~]*[^\S\n]*$|(?<!`)(?P<ticks>`{1,2})(?!`)[^`\n]+(?P=ticks)(?!`)"
)
_CODE_OR_TAG = re.compile(rf"(?P<code>{_CODE})|(?:{_TAG})", re.IGNORECASE | re.DOTALL | re.MULTILINE)
_REMARK = re.compile(r"\[(?!THINK)\w+\]")
_MARK_ENDS = re.compile(r"\[/\s*think(?:ing)?\s*\]", re.IGNORECASE)
_GENERIC = re.compile(r"<[A-Z]\w*>")
_LONGEST_TAG = 400
_QUOTES = frozenset("`\"'“”„‟‘’‚‛«»‹›「」『』")


def answer_of(generation: str, *, thought_opened: bool, cut_short: bool) -> str:
    """The part of a generation that is an answer: never the reasoning.

    `thought_opened`: the prompt ended inside a thought, so the generation starts there. `cut_short`: the generation
    ended at its token limit. A thought that was never closed is not an answer, so the function returns "". A tag that
    an answer mentions, in quotes or in code, neither opens nor closes a thought.
    """
    if thought_opened:
        if _closes(generation):
            return _outside(generation, depth=1)
        if cut_short:
            return ""
    return _outside(generation, depth=0)


def has_thought(text: str) -> bool:
    """Whether any tag of reasoning is in a text, also one that an answer only mentions."""
    return _TAGS.search(text) is not None


def after_thought(hear: Callable[[str], None]) -> Callable[[str], None]:
    """What takes a generation in parts that begins inside a thought; `hear` gets what follows the thought's end."""
    tail, ended = "", False

    def take(part: str) -> None:
        nonlocal tail, ended
        if ended:
            hear(part)
            return
        text = tail + part
        closing = next((tag for tag in _TAGS.finditer(text) if _CLOSING.match(tag.group())), None)
        if closing is not None and closing.end() < len(text):  # at its end a tag may be the beginning of a longer one
            ended = True
            hear(text[closing.end() :])
        tail = text[-_LONGEST_TAG:]

    return take


def _closes(text: str) -> bool:
    return any(_CLOSING.match(tag.group()) for tag in _TAGS.finditer(text))


def _outside(text: str, depth: int) -> str:
    """The text after the last thought, up to the next one. `depth`: how many thoughts are open at the start."""
    start = at = 0  # where the part outside of thoughts begins; how far the text is read
    inside = 0  # where the current thought's text begins
    end: int | None = None  # where the next thought begins
    after_thought = False
    # "I [think] so" is a remark in brackets; Magistral's token is in capitals, and a thought's has a closing one.
    last_mark = max((mark.start() for mark in _MARK_ENDS.finditer(text)), default=-1)
    while found := (_TAGS if depth else _CODE_OR_TAG).search(text, at):
        at = found.end()
        if not depth and found["code"]:
            if not _balanced(found.group()) and not (after_thought and found["fence"]):
                at = found.start() + 1  # it may be a thought's code that its answer's code seems to close
        elif _quoted(text, found) or (not depth and found.start() > last_mark and _REMARK.fullmatch(found.group())):
            continue
        elif _CLOSING.match(found.group()):
            depth = max(depth - 1, 0)
            start, end, after_thought = at, None, True
        else:
            if not depth:
                end = found.start()
            if not depth or text[inside : found.start()].strip():  # else the model repeats an opening tag
                depth += 1
            inside = at
    if depth and end is None:
        return ""
    return text[start:end].strip()


def _quoted(text: str, tag: re.Match[str]) -> bool:
    return text[tag.start() - 1 : tag.start()] in _QUOTES and text[tag.end() : tag.end() + 1] in _QUOTES


def _balanced(code: str) -> bool:
    """Whether every tag in a piece of code has its counterpart there, is quoted by the code alone, or is the argument
    of a generic type, `List<Thought>`."""
    depth = 0
    for tag in _TAGS.finditer(code):
        if _quoted(code, tag) or (_GENERIC.fullmatch(tag.group()) and code[tag.start() - 1 : tag.start()].isalnum()):
            continue
        depth += -1 if _CLOSING.match(tag.group()) else 1
        if depth < 0:
            return False
    return depth == 0
