"""Tables with names that the formats of tools do not define: data sets, spreadsheets, our own rows with other names.

The names of names.py are known. Otherwise the text is the only column of sentences, and the label the only column whose
words are all known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stepguard.evaluation.items import Expected, UnknownLabel
from stepguard.formats import names
from stepguard.formats.mapping import Mapped, column_of
from stepguard.formats.messages import decoded, texts_of, transcript
from stepguard.formats.model import WORDS, Column, Plan, Profile
from stepguard.formats.names import Row
from stepguard.guard.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a table by their meaning. `labels` are columns with the action of each word."""

    text: str | None
    is_prompt: bool
    answer: str | None
    passages: str | None
    identifier: str | None
    group: str | None
    labels: tuple[tuple[str, Mapping[str, Expected]], ...]
    more: str | None = None
    own: frozenset[str] = frozenset()
    kind: str | None = None

    @property
    def used(self) -> frozenset[str]:
        """All columns that are read."""
        given = (self.text, self.answer, self.passages, self.identifier, self.group, self.more, self.kind)
        return frozenset(name for name in given if name) | {name for name, _ in self.labels} | self.own

    def read(self, row: Row) -> Iterator[dict[str, Any]]:
        """The item of a row, as a row in our own words."""
        cells: dict[str, Any] = {name: _own(name, row[name]) for name in self.own if row.get(name) not in (None, "")}
        text = row.get(self.text) if self.text else None
        if self.more and isinstance(text, str) and isinstance(extra := row.get(self.more), str) and extra.strip():
            text = f"{text}\n{extra}"
        answer = row.get(self.answer) if self.answer else None
        if isinstance(answer, list) and len(answer) == 1:
            answer = answer[0]
        if self.kind and row.get(self.kind):
            cells["kind"] = str(row[self.kind]).strip().lower()
        if text in (None, "") and isinstance(answer, str) and (found := transcript(answer)):
            cells |= found
        elif answer not in (None, "", []):
            cells |= {"query": text, "completion": answer}
        else:
            cells["prompt" if self.is_prompt else "text"] = text
        if self.passages:
            cells["passages"] = texts_of(row.get(self.passages))
        if self.identifier:
            cells["id"] = row.get(self.identifier)
        if self.group:
            cells["category"] = row.get(self.group)
        cells["expected"] = _expected(row, self.labels)
        yield cells


def _own(name: str, value: Any) -> Any:
    return decoded(value) if name in ("policies", "pii", "layers") else value


def _expected(row: Row, labels: tuple[tuple[str, Mapping[str, Expected]], ...]) -> str | None:
    found = []
    for name, words in labels:
        if row.get(name) in (None, ""):
            continue
        word = names.word_of(row[name])
        if word not in words:
            raise UnknownLabel(f"the label in column '{name}' is unknown")
        found.append(words[word])
    if not found:
        return None
    return str(next((action for action in found if action is not Expected.PASSED), Expected.PASSED))


def plan(profile: Profile, mapped: Mapped) -> Plan:
    """How a table is read. Raises InvalidRequest that lists the columns, UnknownLabel that lists the words."""
    shown = {name: column.name or "(no name)" for name, column in profile.columns.items()}
    chosen = {target: column_of(name, shown) for target, name in mapped.columns.items()}
    labels, notes = _labels(profile, mapped, chosen.get("expected"))
    taken = {name for name, _ in labels} | set(chosen.values())
    text = chosen.get("text") or chosen.get("prompt") or chosen.get("query")
    answer = chosen.get("completion") or _named(profile, names.ANSWERS, taken)
    if text is None:
        text = _named(profile, (*names.QUESTIONS, *names.TEXTS), taken | {answer or ""})
    if text is None and (answer is None or answer not in chosen.values()):
        found = _sentences(profile, taken | {answer or ""})
        if len(found) == 1:
            text = found[0]
            notes = (f"the text is column '{shown[text]}', the only one with sentences", *notes)
        elif answer is None:
            raise InvalidRequest(_refusal(profile, found, [name for name, _ in labels]))
    is_prompt = "prompt" in chosen or ("text" not in chosen and text in names.QUESTIONS)
    more = "input" if text == "instruction" and "input" in profile.names and "text" not in chosen else None
    passages = chosen.get("passages") or _named(profile, names.PASSAGES, taken | {text or "", answer or ""})
    identifier = chosen.get("id") or next((name for name in names.IDS if _is_identifier(profile, name)), None)
    left = taken | {text, answer, passages, identifier, more}
    group = chosen.get("category") or next((name for name in names.GROUPS if name in profile.names - left), None)
    own = frozenset(names.OWN) & profile.names - left - {"kind"}
    kind = chosen.get("kind") or ("kind" if _is_kind(profile.columns.get("kind")) else None)
    table = Table(text, is_prompt, answer, passages, identifier, group, labels, more, own, kind)
    return Plan("table", table.read, table.used, frozenset(names.GOLD), notes)


def _is_kind(column: Column | None) -> bool:
    return column is not None and column.words <= {"document", "prompt", "response"}


def _is_identifier(profile: Profile, name: str) -> bool:
    column = profile.columns.get(name)
    return column is not None and not column.objects


def _named(profile: Profile, candidates: tuple[str, ...], taken: set[str]) -> str | None:
    """The first of the names that has cells with texts."""
    return next((name for name in candidates if name in profile.names - taken and profile.columns[name].cells), None)


def _sentences(profile: Profile, taken: set[str]) -> list[str]:
    beside = taken | set(names.GOLD) | set(names.PASSAGES) | set(names.GROUPS)
    return [name for name, column in profile.columns.items() if column.is_prose and name not in beside]


# --- labels ----------------------------------------------------------------------------------------------------------

Labels = tuple[tuple[str, Mapping[str, Expected]], ...]


def _labels(profile: Profile, mapped: Mapped, chosen: str | None) -> tuple[Labels, tuple[str, ...]]:
    own = {names.fold(word): Expected(action) for word, action in mapped.labels.items()}
    shown = {name: column.name for name, column in profile.columns.items()}
    if chosen is not None or own:
        return _chosen_labels(profile, own, chosen), ()
    for name in (*names.EXPECTATIONS, *names.LABELS):
        labelled = profile.columns.get(name)
        if labelled is None or not labelled.cells:
            continue
        if name in names.EXPECTATIONS and not labelled.is_prose and not labelled.objects:
            _check_words(labelled, names.CLASSES)
            return ((name, names.CLASSES),), ()
        if name in names.LABELS and _fits(labelled, names.CLASSES, name in ("type", "class")):
            return ((name, names.CLASSES),), _say(labelled)
    for candidates, meaning in ((names.HARMS, names.HARM_WORDS), (names.GOODS, names.GOOD_WORDS)):
        found = [name for name in candidates if name in profile.names and _fits(profile.columns[name], meaning, True)]
        if found:
            return tuple((name, meaning) for name in found), ()
    others = [
        name
        for name, column in profile.columns.items()
        if 1 < len(column.words) <= WORDS
        and not column.numbers
        and column.words <= set(names.CLASSES)
        and name not in (*names.GROUPS, *names.IDS, *names.OWN)
    ]
    if len(others) == 1:
        return ((others[0], names.CLASSES),), (f"the label is column '{shown[others[0]]}', by its words",)
    return (), ()


def _chosen_labels(profile: Profile, own: Mapping[str, Expected], chosen: str | None) -> Labels:
    """The labels that the user names, by column or by words. Raises InvalidRequest, UnknownLabel."""
    words = {**names.CLASSES, **own}
    if chosen is None:
        columns = profile.columns.items()
        chosen = next(
            (name for name, column in columns if column.words & set(own) and len(column.words) <= WORDS), None
        )
    if chosen is None:
        raise InvalidRequest(f"no column has the words of --label: {', '.join(own)}")
    _check_words(profile.columns[chosen], words)
    return ((chosen, words),)


def _fits(column: Column, words: Mapping[str, Expected], quiet: bool) -> bool:
    """Whether the column's words are labels. Raises UnknownLabel for two words of which one is known."""
    if not column.cells or column.objects:
        return False
    if column.words <= set(words):
        return True
    if len(column.words) == 2 and column.words & set(words) and not quiet and not column.numbers:
        _check_words(column, words)
    return False


def _say(column: Column) -> tuple[str, ...]:
    if column.words & {"0", "1"}:
        return (f"'{column.name}' 1 is read as harmful (intervened), 0 as harmless (passed); --label changes it",)
    return ()


def _check_words(column: Column, words: Mapping[str, Expected]) -> None:
    if unknown := sorted(column.words - set(words)):
        found = ", ".join(sorted(column.words)[:WORDS]) if len(column.words) <= WORDS else f"more than {WORDS}"
        example = unknown[0] if unknown[0] else "WORD"
        raise UnknownLabel(
            f"column '{column.name}' has labels that are unknown. Its words: {found}. Known are {', '.join(Expected)}, "
            f"pass, allow, block, mask, reject, safe, unsafe and others; name yours with --label {example}=intervened"
        )


def _refusal(profile: Profile, sentences: list[str], labels: list[str]) -> str:
    columns = profile.columns
    listed = ", ".join(f"'{column.name or '(no name)'}' ({column.description})" for column in columns.values())
    several = f"{len(sentences)} columns could be the text" if sentences else "no column is a text"
    near = sentences or [name for name, column in columns.items() if column.sentences] or list(columns)
    hint = ""
    if near:
        pairs = [f"text={columns[near[0]].name}"]
        rest = [
            name
            for name, column in columns.items()
            if 1 < len(column.words) <= 3 and not column.numbers and name not in near
        ]
        if label := (labels or rest)[:1]:
            pairs.append(f"expected={columns[label[0]].name}")
        hint = f". Choose them by name, for example --map '{','.join(pairs)}'"
    return f"{several}. Columns found: {listed or 'none'}{hint}"
