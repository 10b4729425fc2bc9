"""Default chunking: about 300 tokens, whole sentences."""

from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.bedrock.knowledge.chunking import CHUNK_TOKENS, chunks, tokens


def test_sentences_stay_whole() -> None:
    sentences = [f"The ward with the number {number} is open to visitors every day." for number in range(100)]
    found = chunks(" ".join(sentences))
    assert len(found) > 3
    assert all(chunk.endswith("day.") and tokens(chunk) <= CHUNK_TOKENS for chunk in found)
    assert " ".join(found) == " ".join(sentences)
    assert min(map(tokens, found[:-1])) > CHUNK_TOKENS * 0.9


@given(st.text(alphabet="ab .\n漢", max_size=300), st.integers(2, 20))
def test_no_character_is_lost(text: str, limit: int) -> None:
    found = chunks(text, limit)
    assert all(tokens(chunk) <= limit for chunk in found)
    assert "".join("".join(found).split()) == "".join(text.split())


def test_a_sentence_without_end_is_cut_between_words() -> None:
    found = chunks("word " * 1000)
    assert [tokens(chunk) for chunk in found] == [300, 300, 300, 100]
    assert all(chunk.split() == ["word"] * len(chunk.split()) for chunk in found)
