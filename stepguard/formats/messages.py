"""Conversations: the last exchange of a list of messages, and texts in parts."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stepguard.formats.names import first, folded, members
from stepguard.guard.errors import InvalidRequest

USERS = frozenset(folded("user human person customer"))
ASSISTANTS = frozenset(folded("assistant gpt chatgpt bard ai model bot claude llm agent"))
SILENT = frozenset(folded("system developer tool function observation context"))
"""Roles whose messages are the developer's or a program's."""

_TEXT_PARTS = (None, "text", "input_text", "output_text")
_ROLES = folded("role from type speaker author sender")
_CONTENTS = folded("content value text message parts")


def text_of_parts(content: Any) -> str:
    """The text of a message: a string, or its text parts joined by line breaks. Images, tools and thoughts are left
    out."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return text_of_parts(content.get("text") if "text" in content else content.get("parts"))
    if not isinstance(content, list):
        return ""
    texts: list[str] = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, Mapping) and part.get("type") in _TEXT_PARTS and isinstance(part.get("text"), str):
            texts.append(part["text"])
    return "\n".join(text for text in texts if text)


def decoded(value: Any) -> Any:
    """A cell's list or object, as JSON or as Python writes it; any other cell as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return value


def is_conversation(value: Any) -> bool:
    """Whether it is a list of messages with a role and a content."""
    return isinstance(value, list) and bool(value) and all(_role(entry) is not None for entry in value)


def _role(entry: Any) -> str | None:
    found = first(members(entry), _ROLES)
    return found[1].strip().lower() if found and isinstance(found[1], str) else None


def _content(entry: Any) -> str:
    found = first(members(entry), _CONTENTS)
    return text_of_parts(found[1]) if found else ""


def exchange(messages: Sequence[Any]) -> dict[str, Any]:
    """The last exchange as a row: a response if the assistant spoke last, else a prompt. Raises InvalidRequest."""
    if not is_conversation(messages):
        raise InvalidRequest("its messages have no role and content")
    spoken = [entry for entry in messages if _role(entry) not in SILENT]
    if not spoken:
        raise InvalidRequest("its conversation has no message of a user or an assistant")
    role = _role(spoken[-1])
    text = _content(spoken[-1])
    if not text.strip():
        raise InvalidRequest(f"the last message, of role '{_known(role)}', has no text")
    if role in ASSISTANTS:
        query = next((_content(entry) for entry in reversed(spoken[:-1]) if _role(entry) in USERS), "")
        return {"kind": "response", "query": query, "completion": text}
    if role in USERS:
        return {"kind": "prompt", "prompt": text}
    raise InvalidRequest("the role of its last message is unknown; known are user, assistant, system and tool")


def _known(role: str | None) -> str:
    return role if role in USERS | ASSISTANTS else "other"


def last_user_text(messages: Any) -> str:
    """The text of the last message of the user. Raises InvalidRequest if there is none."""
    if isinstance(messages, list):
        for entry in reversed(messages):
            if _role(entry) in USERS and (text := _content(entry)).strip():
                return text
    raise InvalidRequest("its messages have no text of a user")


def texts_of(value: Any, separators: str = "") -> list[str]:
    """Passages: a list of strings or of objects with a text, a list in a cell, or one text. A cell is split at the
    first of `separators` that it contains."""
    value = decoded(value)
    if isinstance(value, str):
        if array := _numpy(value):
            return array
        mark = next((mark for mark in separators if mark in value), None)
        return [part.strip() for part in value.split(mark) if part.strip()] if mark else [value] * bool(value.strip())
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list | tuple):
        return []
    return [text for entry in value if (text := _passage(entry)).strip()]


def _passage(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    found = first(members(entry), folded("text content page_content passage document"))
    return text_of_parts(found[1]) if found else ""


def _numpy(value: str) -> list[str]:
    """The strings of `['a' 'b']`, as NumPy writes an array."""
    if not re.match(r"\s*\[\s*['\"]", value) or not value.rstrip().endswith("]"):
        return []
    try:
        tokens = [ast.literal_eval(match) for match in re.findall(_STRING, value)]
    except (ValueError, SyntaxError):
        return []
    return [token for token in tokens if isinstance(token, str)]


_STRING = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""

_TURNS = (
    (r"<\|start_header_id\|>\s*(\w+)\s*<\|end_header_id\|>", r"<\|eot_id\|>|<\|begin_of_text\|>"),
    (r"<\|im_start\|>\s*(\w+)", r"<\|im_end\|>"),
    (r"<\|start\|>\s*(\w+)\s*<\|message\|>", r"<\|end\|>"),
    (r"<start_of_turn>\s*(\w+)", r"<end_of_turn>|<bos>"),
)
_INSTRUCTIONS = re.compile(r"\[INST\](.*?)\[/INST\]", re.DOTALL)
_SYSTEM = re.compile(r"<<SYS>>.*?<</SYS>>", re.DOTALL)
_DEEPSEEK = re.compile(r"<｜User｜>(.*?)(?:<｜Assistant｜>|\Z)", re.DOTALL)
_PLAIN = re.compile(r"\A\s*(?:Human|User):\s*(.*?)\s*\n+\s*(?:Assistant|Bot):\s*\Z", re.DOTALL)


def words_of_prompt(prompt: str) -> str:
    """What the user says in a prompt with a model's template: the marks look like an attack, and no person wrote
    them. A prompt in unknown marks stays as it is."""
    for start, end in _TURNS:
        turns = re.split(start, prompt)
        for role, text in zip(reversed(turns[1::2]), reversed(turns[2::2]), strict=True):
            if role.lower() in USERS:
                return re.split(end, text)[0].strip()
    for pattern in (_INSTRUCTIONS, _DEEPSEEK, _PLAIN):
        if found := pattern.findall(prompt):
            return str(_SYSTEM.sub("", found[-1])).strip()
    return prompt


def question_in(value: Any, names: Iterable[str]) -> str:
    """The question in a trace's inputs: a text, messages, one of `names`, or the only text. Raises InvalidRequest."""
    value = decoded(value)
    if isinstance(value, str) and value.strip():
        return value
    if is_conversation(value):
        return last_user_text(value)
    cells = members(value)
    found = first(cells, names)
    if found:
        inner = decoded(found[1])
        if isinstance(inner, str):
            return inner
        if is_conversation(inner):
            return last_user_text(inner)
    texts = [cell for cell in cells.values() if isinstance(cell, str) and cell.strip()]
    if len(texts) == 1:
        return texts[0]
    raise InvalidRequest(
        f"its input has no question: it has {'no text' if not texts else f'{len(texts)} texts'}, and none is named "
        "question, input, prompt, query, text or messages"
    )


_SPEAKERS = re.compile(r"(?:\A|\n\n)\s*(Human|User|Assistant):", re.IGNORECASE)


def transcript(text: str) -> dict[str, Any] | None:
    """The last exchange of a text such as `Human: … Assistant: …`; None for any other text."""
    parts = _SPEAKERS.split(text)
    if len(parts) < 5 or parts[0].strip():
        return None
    turns = [{"role": role, "content": said.strip()} for role, said in zip(parts[1::2], parts[2::2], strict=True)]
    return exchange(turns) if turns[-1]["content"] else None
