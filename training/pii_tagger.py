"""Train the NAME and ADDRESS taggers and write their weights (data/tagger.npz, data/tagger_languages.npz).

`python -m training.pii_tagger DATA_FOLDER [--languages] [--epochs N] [--to FILE]`; needs the group `train`.
The seed is fixed: two runs give the same file. A linear-chain CRF by mini-batch Adagrad on the conditional likelihood.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.detectors.pii import tagger
from embedded_aws.bedrock.detectors.pii.tagger import BITS, LABELS
from training import pii_corpus, pii_gazetteer, pii_languages, pii_public, pii_sentences
from training.pii_sentences import Sentence

SEED = 20261122
RATE = 0.15
DECAY = 2e-6
UNLISTED = 0.15  # share of sentences whose names are hidden from the name lists
UNKNOWN = 0.08  # share of words that are treated as unknown
DROPPED = 0.3  # share of every token's features dropped at each step, so that templates are not memorised
BATCH = 48
F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence as feature rows, shape (tokens, FEATURES), and label numbers, shape (tokens,)."""

    index: NDArray[np.int32]
    labels: NDArray[np.int8]


def _described(sentence: Sentence, rng: random.Random, common: str) -> tuple[list[tuple[int, ...]], NDArray[np.int8]]:
    """The columns of a sentence's tokens, some made unknown on purpose, and their label numbers."""
    tokens = tagger.tokenize(sentence.text)[:120]
    labels = np.zeros(len(tokens), dtype=np.int8)
    for start, end, kind in sentence.spans:
        inside = [at for at, (_, first, last) in enumerate(tokens) if first >= start and last <= end]
        for order, at in enumerate(inside):
            labels[at] = LABELS.index(("B-" if order == 0 else "I-") + kind)
    listed = rng.random() >= UNLISTED
    rows = []
    for at, (token, _, _) in enumerate(tokens):
        row = tagger.columns(token, listed or bool(labels[at] == 0), common)
        if token.isalpha() and rng.random() < UNKNOWN:
            unknown = tagger.columns("\u00ff" + token[-2:].lower(), True, common)
            row = (unknown[tagger.WORD], unknown[1], unknown[2], row[3], row[4], *row[5:])
        rows.append(row)
    return rows, labels


def encode(sentences: list[Sentence], rng: random.Random, common: str = "common_words") -> list[Example]:
    """The sentences as numbers, many at a time: their tokens in one row, with edges between."""
    examples: list[Example] = []
    for first in range(0, len(sentences), 1000):
        described = [_described(sentence, rng, common) for sentence in sentences[first : first + 1000]]
        rows = [row for columns, _ in described for row in (*columns, *[tagger.EDGE] * tagger.REACH)]
        index = tagger.feature_index(rows).astype(np.int32)
        at = 0
        for columns, labels in described:
            if columns:
                examples.append(Example(index[at : at + len(columns)], labels))
            at += len(columns) + tagger.REACH
    return examples


class Trainer:
    """The weights in training."""

    def __init__(self) -> None:
        count = len(LABELS)
        self.table: F32 = np.zeros((2**BITS + 1, count), dtype=np.float32)  # the last row pads short sentences
        self._table_sums: F32 = np.full_like(self.table, 1e-3)
        self._random = np.random.default_rng(SEED)
        self.chain: F32 = np.zeros((count + 1, count), dtype=np.float32)  # the last row starts a sentence
        self._chain_sums: F32 = np.full_like(self.chain, 1e-3)

    def step(self, batch: list[Example], rate: float) -> float:
        """One Adagrad step on the mean negative log-likelihood; returns it."""
        count, labels, longest = len(batch), len(LABELS), max(len(example.labels) for example in batch)
        index = np.full((count, longest, tagger.FEATURES), 2**BITS, dtype=np.int64)
        gold = np.zeros((count, longest), dtype=np.int64)
        mask = np.zeros((count, longest), dtype=bool)
        for row, example in enumerate(batch):
            size = len(example.labels)
            index[row, :size], gold[row, :size], mask[row, :size] = example.index, example.labels, True
        index[self._random.random(index.shape, dtype=np.float32) < DROPPED] = 2**BITS
        emit = self.table[index].sum(axis=2) / np.float32(1 - DROPPED)
        moves, starts = self.chain[:labels], self.chain[labels]
        forward = np.empty((count, longest, labels), dtype=np.float32)
        forward[:, 0] = starts + emit[:, 0]
        for at in range(1, longest):
            step = _logsumexp(forward[:, at - 1][:, :, None] + moves, 1) + emit[:, at]
            forward[:, at] = np.where(mask[:, at, None], step, forward[:, at - 1])
        total = _logsumexp(forward[:, -1], 1)
        backward = np.zeros((count, longest, labels), dtype=np.float32)
        pair_sum = np.zeros((labels, labels), dtype=np.float32)
        for at in range(longest - 1, 0, -1):
            onward = emit[:, at] + backward[:, at]
            step = _logsumexp(moves[None] + onward[:, None, :], 2)
            backward[:, at - 1] = np.where(mask[:, at, None], step, backward[:, at])
            pairs = np.exp(forward[:, at - 1][:, :, None] + moves + onward[:, None, :] - total[:, None, None])
            pair_sum += pairs[mask[:, at]].sum(axis=0)
        marginal = np.exp(forward + backward - total[:, None, None]) * mask[:, :, None]
        rows, places = np.nonzero(mask)
        # the gradient is expected minus observed counts
        one_hot = np.zeros_like(marginal)
        one_hot[rows, places, gold[rows, places]] = 1.0
        delta = marginal - one_hot
        loss = float(total.sum()) - float((emit * one_hot).sum()) - float(starts[gold[:, 0]].sum())
        chain = np.zeros_like(self.chain)
        chain[:labels] = pair_sum
        if longest > 1:
            follows = mask[:, 1:]
            np.add.at(chain, (gold[:, :-1][follows], gold[:, 1:][follows]), -1.0)
            loss -= float(moves[gold[:, :-1][follows], gold[:, 1:][follows]].sum())
        chain[labels] = delta[:, 0].sum(axis=0)
        flat = index[mask].ravel()
        spread = np.repeat(delta[mask], tagger.FEATURES, axis=0)
        touched, inverse = np.unique(flat, return_inverse=True)
        gradient = np.stack(
            [np.bincount(inverse, weights=spread[:, label], minlength=len(touched)) for label in range(labels)], axis=1
        ).astype(np.float32)
        gradient += DECAY * count * self.table[touched]
        self._table_sums[touched] += gradient**2
        gradient[touched == 2**BITS] = 0.0
        self.table[touched] -= rate * gradient / np.sqrt(self._table_sums[touched] + 1.0)
        self._chain_sums += chain**2
        self.chain -= rate * chain / np.sqrt(self._chain_sums + 1.0)
        return loss / count

    def model(self) -> tagger.Tagger:
        """The weights in the released form."""
        return quantized(self.table, self.chain)


class Average:
    """The mean of the weights at many moments, which is steadier than the last ones."""

    def __init__(self) -> None:
        self._count = 0
        self._table: F32 = np.zeros((2**BITS + 1, len(LABELS)), dtype=np.float32)
        self._chain: F32 = np.zeros((len(LABELS) + 1, len(LABELS)), dtype=np.float32)

    def add(self, trainer: Trainer) -> None:
        """Add the current weights to the mean."""
        self._count += 1
        self._table += trainer.table
        self._chain += trainer.chain

    def model(self) -> tagger.Tagger:
        """The mean in the released form."""
        return quantized(self._table / np.float32(self._count), self._chain / np.float32(self._count))


def quantized(table: F32, chain: F32) -> tagger.Tagger:
    """The weights with the table in 8 bits."""
    scale = float(np.abs(table[:-1]).max()) / 127
    rounded = np.clip(np.round(table[:-1] / scale), -127, 127).astype(np.int8)
    return tagger.Tagger(rounded, scale, chain[:-1].astype(np.float32), chain[-1].astype(np.float32))


def _logsumexp(values: F32, axis: int) -> F32:
    top = values.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis), dtype=np.float32)


def score(
    model: tagger.Tagger, sentences: list[Sentence], common: str = "common_words"
) -> dict[str, tuple[int, int, int]]:
    """(correctly found, found, expected) by type; a span counts as found if a found span covers half of their union."""
    counts: dict[str, tuple[int, int, int]] = {}
    for sentence in sentences:
        tokens = tagger.tokenize(sentence.text)
        if not tokens:
            continue
        index = tagger.feature_index([tagger.columns(token, True, common) for token, _, _ in tokens])
        found = tagger.label_spans(tokens, model.decode(model.emissions(index)))
        for kind in ("NAME", "ADDRESS", "ORG", "LOC"):
            ours = [span for span in found if span[2] == kind]
            theirs = [span for span in sentence.spans if span[2] == kind]
            hits = sum(any(_half(span, other) for other in ours) for span in theirs)
            right, all_found, wanted = counts.get(kind, (0, 0, 0))
            counts[kind] = (right + hits, all_found + len(ours), wanted + len(theirs))
    return counts


def _half(one: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    """Whether two spans share at least half of their union."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared * 2 >= max(one[1], other[1]) - min(one[0], other[0])


def report(model: tagger.Tagger, sentences: list[Sentence], common: str = "common_words") -> str:
    """Precision, recall and F1 by type."""
    return "  ".join(
        f"{kind} P{right / max(found, 1):.3f} R{right / max(wanted, 1):.3f} "
        f"F{2 * right / max(found + wanted, 1):.3f} ({wanted})"
        for kind, (right, found, wanted) in score(model, sentences, common).items()
    )


def training_set(data: Path) -> list[Sentence]:
    """All training sentences, shuffled; recasing applied."""
    from training.pii_values import Values  # heavy: faker's locales

    values = Values(SEED)
    rng = random.Random(SEED)  # noqa: S311  (reproducible, not secret)
    sentences = [pii_corpus.labelled(record) for record in pii_corpus.presidio(data, measuring=False)] * 2
    sentences += pii_corpus.refilled(data, values, 35)
    sentences += pii_corpus.own(values, 70, 80, 60)
    sentences += pii_public.personified(pii_public.pronoun_texts(data), values)
    plain = pii_public.negatives(data)
    print(f"{len(sentences)} sentences, {len(plain)} public ones without names")
    sentences += plain
    rng.shuffle(sentences)
    return [pii_sentences.recased(pii_sentences.quoted(sentence, rng), rng) for sentence in sentences]


def train_english(data: Path, epochs: int, target: Path) -> None:
    """Train for English; measured on held-out templates."""
    measured = [pii_corpus.labelled(record) for record in pii_corpus.presidio(data, measuring=True)]
    train(training_set(data), measured, tagger.ENGLISH, epochs, target)


def train_languages(epochs: int, target: Path) -> None:
    """Train for the other languages; measured on every fiftieth sentence, which are left out."""
    from training.pii_values import Values  # heavy: faker's locales

    known = list(pii_languages.sentences(Values(SEED), SEED))
    measured = known[::50]
    rest = [sentence for number, sentence in enumerate(known) if number % 50]
    random.Random(SEED).shuffle(rest)  # noqa: S311  (reproducible, not secret)
    train(rest, measured, tagger.LANGUAGES, epochs, target)


def train(known: list[Sentence], measured: list[Sentence], source: tagger.Source, epochs: int, target: Path) -> None:
    """Train and write the weights; prints the loss and the scores on `measured` after each epoch."""
    rng = random.Random(SEED)  # noqa: S311  (reproducible, not secret)
    examples = encode(known, rng, source.common_words)
    examples.sort(key=lambda example: len(example.labels))
    batches = [examples[at : at + BATCH] for at in range(0, len(examples), BATCH)]
    trainer = Trainer()
    average = Average()
    for epoch in range(epochs):
        start = time.monotonic()
        rng.shuffle(batches)
        rate = RATE * (1.0 if epoch < epochs - 2 else 0.4)
        loss = 0.0
        for number, batch in enumerate(batches):
            loss += trainer.step(batch, rate) * len(batch)
            if epoch >= epochs - 2 and number % 50 == 0:
                average.add(trainer)
        print(f"epoch {epoch + 1} loss {loss / len(examples):.3f} {time.monotonic() - start:.0f} s")
        print("  ", report(trainer.model(), measured, source.common_words), flush=True)
    model = average.model()
    print("averaged", report(model, measured, source.common_words))
    save(model, target)


def save(model: tagger.Tagger, target: Path) -> None:
    """Write the weights; np.savez_compressed stamps a fixed date, so equal weights give equal files."""
    np.savez_compressed(
        target,
        table=model.table,
        scale=np.float32(model.scale),
        transitions=model.transitions,
        starts=model.starts,
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--to", type=Path, help="the weights' file")
    parser.add_argument("--languages", action="store_true", help="for the languages besides English")
    parser.add_argument("--words-only", action="store_true", help="write the list of common words and stop")
    options = parser.parse_args()
    source = tagger.LANGUAGES if options.languages else tagger.ENGLISH
    if options.words_only:
        words = pii_languages.common_words() if options.languages else pii_public.common_words(options.data)
        (pii_gazetteer.TARGET / f"{source.common_words}.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
        print(source.common_words, len(words))
        if not options.languages:
            words = pii_public.small_words(options.data)
            (pii_gazetteer.TARGET / "small_words.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
            print("small_words", len(words))
        return
    target = options.to or pii_gazetteer.TARGET / source.weights
    if options.languages:
        train_languages(options.epochs, target)
    else:
        train_english(options.data, options.epochs, target)


if __name__ == "__main__":
    main()
