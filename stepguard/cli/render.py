"""Output for the terminal. Control characters in texts of users and models never reach the terminal."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from stepguard.guard.answer import Citation
from stepguard.guard.bedrock_names import BLOCKED, NONE
from stepguard.guard.texts.language import ENGLISH
from stepguard.report.text import printable
from stepguard.trace import Trace, Visit
from stepguard.trace.failure import failure_of
from stepguard.trace.reason import guardrail_label, reason, reasoning_details


def plain(text: str) -> str:
    """Text without the control characters that could drive a terminal; line ends and tabs stay.

    In GitHub Actions, a blank also separates the marks that begin a workflow command.
    """
    safe = printable(text)
    return without_commands(safe) if os.environ.get("GITHUB_ACTIONS") else safe


def without_commands(text: str) -> str:
    """Text without the marks of workflow commands: `::` at the start of a line, `##[` anywhere."""
    return re.sub(r"(?m)^(\s*):(?=:)", r"\1: ", text).replace("##[", "## [")


def as_json(value: object) -> str:
    """One JSON object on one line, in ASCII, so that any pipe can carry it."""
    written = json.dumps(value, separators=(", ", ": "), default=_plain_value)
    return written.replace("##[", "##\\u005b")  # within a string only; GitHub Actions would read a workflow command


def _plain_value(value: object) -> str:
    """Times of AWS's events."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def finding(found: Mapping[str, Any]) -> str:
    """E.g. `PROMPT_ATTACK BLOCKED (content, HIGH)`."""
    detail = [str(found["policy"]).replace("_", " ")]
    if found.get("confidence"):
        detail.append(str(found["confidence"]))
    if found.get("score") is not None:
        detail.append(f"score {found['score']:.2f} of {found.get('threshold', 0):.2f}")
    detail += reasoning_details(found)
    seen = "seen" if found["action"] == "NONE" else str(found["action"])
    return plain(f"{found['name']} {seen} ({', '.join(detail)})")


def findings(found: Iterable[Mapping[str, Any]]) -> str:
    """The findings of a stage in a line, each kind once, those that acted first."""
    ordered = sorted(found, key=lambda item: (item["action"] == NONE, item["action"] != BLOCKED))
    return "; ".join(dict.fromkeys(finding(item) for item in ordered))


def milliseconds(value: float | None) -> str:
    """A duration for people: ms below ten seconds."""
    if value is None:
        return "…"
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"


def story(trace: Trace, names: Mapping[str, str] | None = None) -> list[str]:
    """One line a state: name, duration, verdict, findings, retries and errors; then why it failed, if it did.

    `names` are the guardrails' names by identifier.
    """
    width = max((len(visit.state) for visit in trace.visits), default=0)
    lines = [
        f"  {visit.state:<{width}}  {milliseconds(visit.milliseconds):>9}  {_what(visit)}".rstrip()
        for visit in trace.visits
    ]
    total = f"{trace.status}, {milliseconds(trace.milliseconds)}"
    failed = failure_of(trace)
    return [
        *lines,
        f"  {total}",
        *([f"  {plain(headline(reason(trace, names), failed[1].to_dict()))}"] if failed else []),
    ]


def headline(sentence: str, failure: Mapping[str, Any] | None) -> str:
    """Why an execution ended as it did, with the message of the error where the sentence leaves it out.

    The sentence leaves out messages of third-party errors, which may quote texts.
    """
    message = str((failure or {}).get("message") or "")
    if not message or sentence.rstrip(".").endswith(message.rstrip(".")):
        return sentence
    return f"{sentence.rstrip('.')}: {message.rstrip('.')}."


def _what(visit: Visit) -> str:
    parts = []
    if visit.result is not None:
        parts.append(str(visit.result.get("outcome", "")))
        parts.append(findings(visit.result.get("findings", [])))
        language = visit.result.get("language") or ENGLISH
        parts.append("" if language == ENGLISH else f"language {plain(str(language))}")
    if visit.attempts > 1:
        parts.append(f"{visit.attempts} attempts")
    if visit.error:
        parts.append(f"failed: {plain(visit.error)}")
    return "  ".join(part for part in parts if part)


def execution(document: Mapping[str, Any]) -> list[str]:
    """The lines of one execution, from a document of `stepguard.trace.document`."""
    visits = document["visits"]
    width = max((len(visit["state"]) for visit in visits), default=0)
    lines = [plain(str(document["execution"])), plain(headline(document["reason"], document.get("failure"))), ""]
    for visit in visits:
        lines.append(visit_line(visit, width))
        lines += [f"      {line}" for line in _details(visit)]
    return [*lines, "", *_totals(document), *_answer(document)]


def visit_line(visit: Mapping[str, Any], width: int) -> str:
    """Name, duration, verdict, findings, attempts and error of one visit; indented inside a Map or Parallel."""
    name = ("  " if "parent" in visit else "") + plain(visit["state"])
    what = [visit["outcome"] or ("" if visit["status"] == "succeeded" else visit["status"])]
    what.append(findings(visit.get("findings", [])))
    if len(visit.get("attempts", [])) > 1:
        what.append(f"{len(visit['attempts'])} attempts")
    if visit.get("error"):
        what.append(f"failed: {plain(visit['error'])}")
    if visit.get("items"):
        what.append(", ".join(f"{count} {name}" for name, count in visit["items"].items()))
    details = "  ".join(part for part in what if part)
    return f"  {name:<{width}}  {milliseconds(visit['milliseconds']):>9}  {details}".rstrip()


def _details(visit: Mapping[str, Any]) -> list[str]:
    lines = []
    if visit.get("masked"):
        lines.append("masked: " + segments(visit["masked"]))
    evidence = visit.get("no_answer", {})
    if evidence.get("said"):
        lines.append("not delivered: " + " ".join(plain(evidence["said"]).split())[:200])
    if visit["outcome"] == "blocked" and evidence:  # else the reason of the execution says it
        lines.append(plain(evidence["explanation"]))
    shown: list[str] = []  # retries fail in the same place: its frames once
    for number, attempt in enumerate(visit.get("attempts", []), 1):
        if attempt.get("error"):
            waited = f", after waiting {milliseconds(attempt['waited'])}" if "waited" in attempt else ""
            failure = attempt["failure"]
            message = f": {failure['message']}" if failure.get("message") else ""
            lines.append(plain(f"attempt {number}{waited}: {failure['type']}{message}"))
            if failure.get("stack") and failure["stack"] != shown:
                lines += [f"    {plain(frame)}" for frame in failure["stack"]]
                shown = failure["stack"]
    lines += [change(item) for item in visit.get("changes", [])]
    return lines


def segments(parts: Iterable[tuple[str, str]]) -> str:
    """A text difference in one line: `my mail is [-a@b.example-]{+{EMAIL}+}`."""
    marks = {"=": "{}", "-": "[-{}-]", "+": "{{+{}+}}"}
    return " ".join(plain("".join(marks[op].format(text) for op, text in parts)).split())


def change(item: Mapping[str, Any]) -> str:
    """`+ /model {...}`, cut at the width of a terminal."""
    sign = {"add": "+", "remove": "-", "replace": "~"}[item["op"]]
    value = json.dumps(item["before"] if item["op"] == "remove" else item["value"], ensure_ascii=False)
    line = plain(f"{sign} {item['path'] or '(whole document)'} {value}")
    return line if len(line) <= 110 else line[:109] + "…"


def _totals(document: Mapping[str, Any]) -> list[str]:
    sums = document["totals"]
    parts = [f"{document['status']}, {milliseconds(document['milliseconds'])}"]
    parts += [f"{name} {milliseconds(sums[name])}" for name in ("guards", "model", "waiting") if sums[name]]
    if sums["orchestration"] is not None:
        parts.append(f"orchestration {milliseconds(sums['orchestration'])}")
    parts.append(f"{sums['transitions']} transitions")
    parts.append(f"about ${sums['usd']['total']:.6f} without model and Lambda")
    return [f"  {' · '.join(parts)}"]


def _answer(document: Mapping[str, Any]) -> list[str]:
    answer = document.get("answer")
    if not answer:
        return []
    source = f", from {plain(str(answer['source']))}" if answer.get("source") else ""
    lines = [f"  {plain(str(answer.get('outcome')))}{source}"]
    text = answer.get("text")  # an evaluation's results have none
    return lines if text is None else [*lines, "", plain(str(text))]


def listing(summaries: Iterable[Mapping[str, Any]]) -> list[str]:
    """One line an execution: when, outcome, duration, name, what acted, the question."""
    lines = []
    for item in summaries:
        acted = findings(item["findings"]) or plain(item["error"] or "") or ("unguarded" if item["unguarded"] else "")
        question = " ".join(plain(item["question"] or "").split())
        started = str(item["started"])[:19].replace("T", " ")
        lines.append(
            f"{started}  {item['outcome']:<11} {milliseconds(item['milliseconds']):>9}  {plain(item['name'])}"
            + (f"\n    {question[:100]}" if question else "")
            + (f"\n    {acted}" if acted else "")
        )
    return lines


def comparison(both: Mapping[str, Any]) -> list[str]:
    """The lines of a comparison of two executions."""
    lines = ["Both took the same path to the same answer." if both["same"] else "They differ."]
    for side, label in enumerate(("A", "B")):
        details = f"{both['outcome'][side]}: {both['reason'][side]}  ({milliseconds(both['milliseconds'][side])})"
        lines += [f"{label}  {plain(str(both['executions'][side]))}", f"   {plain(details)}"]
    lines += ["", *guardrails_used(both["guardrails"]), ""]
    for row in both["path"]:
        if row["first"] is None or row["second"] is None:
            lines.append(f"  {'+' if row['first'] is None else '-'} {plain(row['state'])}")
            continue
        details = f"{milliseconds(row['milliseconds'][0])} → {milliseconds(row['milliseconds'][1])}"
        lines.append(f"  {'≠' if row['differs'] else '='} {plain(row['state'])}  {details}")
        if row["outcome"][0] != row["outcome"][1]:
            lines.append(f"      verdict {row['outcome'][0]} → {row['outcome'][1]}")
        for name, label in (("only_first", "A"), ("only_second", "B")):
            lines += [f"      only {label}: {finding(item)}" for item in row["findings"][name]]
    if both["input"]:
        lines += ["", "Input", *(f"  {change(item)}" for item in both["input"])]
    if any(op != "=" for op, _ in both["answer"]):
        lines += ["", "Answer", f"  {segments(both['answer'])}"]
    return lines


def guardrails_used(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The guardrails of both executions, a line a layer."""
    if not rows:
        return ["Guardrails: the histories name none."]
    same = all(row["same"] and None not in row["used"] for row in rows)
    lines = ["Guardrails: the same versions in both." if same else "Guardrails"]
    for row in rows:
        one, two = (guardrail_label(ref) if ref else None for ref in row["used"])
        if one is None or two is None:
            text = f"{one or two} (only in {'A' if one else 'B'})"
        else:
            text = one if row["same"] else f"{one} → {two}"
        lines.append(plain(f"  {row['layer']:<11}  {text}"))
    return lines


def event(raw: Mapping[str, Any]) -> str:
    """One raw event in a line: number, type, and the first characters of its details."""
    details: object = next(
        (value for key, value in raw.items() if key.endswith("EventDetails") or key == "details"), {}
    )
    text = json.dumps(details, ensure_ascii=False, default=str)
    return plain(f"{raw.get('id', '?'):>6}  {raw['type']:<24} {text if len(text) <= 140 else text[:139] + '…'}")


def sources(citations: Sequence[Citation]) -> list[str]:
    """The sources of an answer, one a line, by the numbers in its text."""
    lines = []
    for one in citations:
        page = f", page {one.page}" if one.page is not None else ""
        lines.append(plain(f"  [{one.n}] {one.title}{page}  {one.uri}".rstrip()))
    return lines
