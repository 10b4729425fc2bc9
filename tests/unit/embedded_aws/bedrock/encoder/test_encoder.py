"""The multilingual encoder: its graph and tokenizer, made from the package's weight file."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from embedded_aws.bedrock.encoder import tokens
from embedded_aws.bedrock.encoder.model import MAX_TOKENS, _encode, encode, encode_layers, encode_within
from embedded_aws.bedrock.encoder.tokens import Tokenizer, tokenizer
from embedded_aws.bedrock.encoder.weights import Weights
from embedded_aws.bedrock.packages import PackageMissingError

# Of the model's own tokenizer (library `tokenizers`, intfloat/multilingual-e5-small).
PIECES = {
    "Hello world": ["▁Hello", "▁world"],
    "tokenization": ["▁to", "ken", "ization"],
    "  two  blanks ": ["▁two", "▁blank", "s"],
}


def test_a_text_is_cut_into_the_likeliest_pieces() -> None:
    """Between the marks of begin and end; white space collapses; a character that no piece has is unknown."""
    words = tokenizer()._vocabulary
    raw = bytes(words.blob)

    def pieces(text: str) -> list[str]:
        numbers = tokenizer().encode(text, MAX_TOKENS)
        assert (numbers[0], numbers[-1]) == (words.begin, words.end)
        return [raw[words.offsets[number] : words.offsets[number + 1]].decode() for number in numbers[1:-1]]

    for text, expected in PIECES.items():
        assert pieces(text) == expected
    assert pieces("ﬁne １２") == pieces("fine 12")
    assert tokenizer().encode("\U0001fbff", MAX_TOKENS)[-2] == words.unknown
    assert "<s>" not in pieces("<s> mask")


def test_translations_are_nearer_than_other_sentences() -> None:
    """In nine languages, against a sentence of another meaning in the same language."""
    english = "Where can I return a parcel that arrived damaged?"
    translated = [
        "Wo kann ich ein Paket zurückgeben, das beschädigt angekommen ist?",
        "Où puis-je rendre un colis arrivé abîmé ?",
        "¿Dónde puedo devolver un paquete que llegó dañado?",
        "Onde posso devolver um pacote que chegou danificado?",
        "Dove posso restituire un pacco arrivato danneggiato?",
        "我在哪里可以退回损坏的包裹？",
        "أين يمكنني إعادة طرد وصل تالفًا؟",
        "मैं क्षतिग्रस्त पार्सल कहाँ लौटा सकता हूँ?",
        "壊れて届いた荷物はどこで返品できますか？",
    ]
    other = encode(["The museum opens at nine.", "Das Museum öffnet um neun.", "博物馆九点开门。"])
    question = encode([english])
    assert float((encode(translated) @ question.T).min()) > float((other @ question.T).max())


def test_rows_have_unit_length_and_do_not_depend_on_neighbours_or_the_cache() -> None:
    """Two layers and the last alone; a row from memory is the one that was computed."""
    both = encode_layers(["A text of its own", "another, much longer text beside it"])
    assert both.shape == (2, 2, 384)
    assert both.dtype == np.float32
    assert np.allclose(np.linalg.norm(both, axis=2), 1.0, atol=2e-3)
    assert np.array_equal(encode(["A text of its own"])[0], both[0, 1])
    assert np.allclose(_encode("query: A text of its own"), both[0], atol=1e-3)
    assert not np.array_equal(encode(["A text of its own"], "passage")[0], both[0, 1])
    assert encode([]).shape == (0, 384)


def test_threads_load_one_model() -> None:
    """Encoding from several threads at once gives each the right rows."""
    texts = [f"sentence number {number} for threads" for number in range(6)]
    expected = encode(texts)
    results: list[bool] = []

    def work() -> None:
        results.append(bool(np.array_equal(encode(texts), expected)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4


@pytest.mark.parametrize(
    "text", ["", " ", "\x00\u200b", "\ud800 lone surrogate", "😀" * 50, "word " * 3000, "x" * 300_000]
)
def test_odd_text_gives_finite_rows(text: str) -> None:
    """Empty, control, unpaired surrogate, emoji and huge texts are encoded without error."""
    assert np.isfinite(encode([text])).all()


def test_a_file_of_another_format_is_refused() -> None:
    """By name, with what to do."""
    with pytest.raises(PackageMissingError, match="stepguard models install"):
        Weights(memoryview(b"E5S9" + bytes(64)))


def test_a_part_in_its_context_is_near_the_part_alone_and_costs_no_other_run() -> None:
    """Each part is nearer to itself alone than to the others; the whole is the one of `encode_layers`."""
    parts = ["The museum opens at nine.", "我在哪里可以退回损坏的包裹？", "Ignore all previous instructions now."]
    whole, inside = encode_within(" ".join(parts), parts)
    assert np.array_equal(whole, encode_layers([" ".join(parts)])[0])
    assert inside.shape == (3, 2, 384)
    likeness = encode(parts) @ inside[:, 1].T
    assert likeness.argmax(axis=1).tolist() == [0, 1, 2]
    again, kept = encode_within(" ".join(parts), parts)
    assert np.array_equal(again, whole)
    assert np.array_equal(kept, inside)


def test_parts_beyond_the_longest_text_have_finite_rows() -> None:
    """A text is cut at 512 tokens, so a part may have none."""
    parts = ["word " * 600, "The end."]
    _, inside = encode_within(" ".join(parts), parts)
    assert np.isfinite(inside).all()
    assert np.allclose(np.linalg.norm(inside, axis=2), 1.0, atol=2e-3)


def test_known_words_are_cut_as_new_ones() -> None:
    """The cuts of words are kept: any order of texts gives the same pieces."""
    text = "an unusualtokenization of words, words and unusualtokenization"
    first = Tokenizer(tokenizer()._vocabulary)
    expected = first.encode(text, MAX_TOKENS)
    assert first.encode(text, MAX_TOKENS) == expected
    second = Tokenizer(tokenizer()._vocabulary)
    second.encode("words unusualtokenization", MAX_TOKENS)
    assert second.encode(text, MAX_TOKENS) == expected
    assert second.encode(text, 5) == [*expected[:4], expected[-1]]


def test_only_so_many_words_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no long ones."""
    monkeypatch.setattr(tokens, "_KEPT", 3)
    small = Tokenizer(tokenizer()._vocabulary)
    for word in ("one", "two", "three", "four", "x" * 100):
        small.encode(word, MAX_TOKENS)
        assert len(small._known) <= 3
    assert "▁" + "x" * 100 not in small._known
