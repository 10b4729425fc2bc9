"""A scorecard in a few lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MOST_FILTERS = 20


def lines_of(card: Mapping[str, Any]) -> Iterator[str]:
    """The lines."""
    counts = ", ".join(f"{count} {name}" for name, count in card["actions"].items())
    yield f"{card['items']} items: {counts}; {card['bad_rows']} bad rows"
    for name, count in list(card["errors"].items())[:5]:
        yield f"  {count} failed with {name}"
    if card["labelled"]:
        found = card["intervention"]
        yield f"{card['labelled']} with an expectation: {format_rate(card['correct'])} as expected"
        yield f"  intervening:  precision {format_rate(found['precision'])}, recall {format_rate(found['recall'])}"
        yield f"  missed {found['fn']}, intervened without need {found['fp']}"
    if agreement := card.get("agreement"):
        agreeing = format_rate(agreement["agreeing"])
        yield f"{agreement['verdicts']} verdicts of {agreement['items']} items: {agreeing} agree"
        yield f"  items whose verdicts are all the same: {format_rate(agreement['identical'])}"
    rows = [row for row in card["policies"] if "/" in row["policy"]]
    rows.sort(key=lambda row: (-row["intervened"], row["policy"]))
    width = max((len(row["policy"]) for row in rows[:MOST_FILTERS]), default=0)
    if rows:
        yield f"{'policy':<{width + 2}}  acted  missed  needless  precision  recall"
    for row in rows[:MOST_FILTERS]:
        values = (_short(row.get("precision")), _short(row.get("recall")))
        yield (
            f"  {row['policy']:<{width}} {row['intervened']:>6}  {row.get('fn', ''):>6}  {row.get('fp', ''):>8}"
            f"  {values[0]:>9}  {values[1]:>6}"
        )
    if len(rows) > MOST_FILTERS:
        yield f"  and {len(rows) - MOST_FILTERS} more filters, in the report"
    yield from answers_of(card)
    yield from retrieval_of(card)
    spent = card["timings"].get("item") or {}
    if spent:
        yield f"an item takes {spent['p50']} ms at the median, {spent['p95']} ms at the 95th percentile"
    cost = card["cost"]["guardrails"]
    units = sum(item["text_units"] for item in cost["policies"].values())
    yield f"{units} text units, on AWS some ${cost['dollars']:.4f}"
    model = card["cost"]["model"]
    if model["tokens"]:
        tokens = " and ".join(f"{count} {kind}" for kind, count in model["tokens"].items())
        price = "not priced" if model["dollars"] is None else f"on AWS some ${model['dollars']:.4f}"
        yield f"{tokens} tokens of {model['id']}, {price}"


def answers_of(card: Mapping[str, Any]) -> Iterator[str]:
    """The scores of the answers; nothing without any."""
    answers = card.get("answers")
    if answers is None:
        return
    if answers["references"]:
        grades, by = answers["grades"], answers["refused_by"]
        judge = answers["judge"]
        graded = "the judge" if judge and judge["unreadable"] < judge["items"] else "their words"
        correct = format_rate(answers["correct"])
        yield f"{answers['references']} answers with a reference, graded by {graded}: {correct} correct"
        yield (
            f"  {grades['correct']} correct, {grades['wrong']} wrong, {grades['refused']} refused (guardrail "
            f"{by['guardrail']}, does not know {by['does_not_know']}, in words {by['in_words']})"
        )
        means = [("words", answers["words"]), ("embedding", answers["embedding"])]
        agreement = ", ".join(f"{name} {scores['mean']:.3f}" for name, scores in means if scores)
        yield f"  agreement: exact {format_rate(answers['exact'])}; mean of {agreement}"
    if judge := answers["judge"]:
        yield f"  the judge graded {judge['items']}; {judge['unreadable']} replies were no grade"
    if labels := answers["labels"]:
        kappa = "–" if labels["kappa"] is None else f"{labels['kappa']:.2f}"
        yield (
            f"  with the corpus's own grades: {format_rate(labels['agreement'])} of {labels['items']} agree, Cohen's "
            f"kappa {kappa}"
        )
    for name in ("grounding", "relevance"):
        if scores := answers[name]:
            mean, tenth = f"mean {scores['mean']:.3f}", f"lowest tenth {scores['p10']:.3f}"
            yield f"{name} by the guardrail: {mean} of {scores['items']}, {tenth}"


def retrieval_of(card: Mapping[str, Any]) -> Iterator[str]:
    """What the questions found; nothing without any."""
    found = card.get("retrieval")
    if found is None:
        return
    if found["questions"]:
        curated = found["curated"]
        yield f"{found['questions']} questions with sources, {found['searched']} of them searched"
        if found["searched"]:
            hits = (f"at {depth} {format_rate(value)}" for depth, value in found["hit_rate"].items())
            yield f"  hit rate: {'; '.join(hits)}"
            yield f"  mean reciprocal rank {_interval(found['reciprocal_rank'])}"
        precision, recall = found["citation_precision"], found["citation_recall"]
        yield f"  citations: precision {format_rate(precision)}, recall {format_rate(recall)}"
        yield (
            f"  curated answers: {curated['right']} right, {curated['wrong']} wrong, wrong of all questions "
            f"{format_rate(curated['wrong_rate'])}"
        )
    if found["grounded"]:
        yield f"grounded by the guardrail: {format_rate(found['grounded'])} of the answers from passages"


def _interval(value: Mapping[str, float]) -> str:
    return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def format_rate(value: Mapping[str, float] | None) -> str:
    """A rate with its interval."""
    return "–" if value is None else f"{value['value']:.1%} ({value['low']:.1%} to {value['high']:.1%})"


def _short(value: Mapping[str, float] | None) -> str:
    return "–" if value is None else f"{value['value']:.2f}"
