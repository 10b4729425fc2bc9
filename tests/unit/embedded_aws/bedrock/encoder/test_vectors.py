"""The cache of embeddings that worker processes share."""

from __future__ import annotations

import os
import struct
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedded_aws.bedrock.encoder import vectors
from embedded_aws.bedrock.encoder.vectors import BODY, VectorCache, shareable


def vector(number: float) -> bytes:
    """A vector that differs from others by one number."""
    return struct.pack(f"{BODY // 4}f", *[number] * (BODY // 4))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=20), unique=True, max_size=20))
def test_a_text_never_gets_the_vector_of_another(texts: list[str]) -> None:
    """Whatever is found is what was kept for this very text; the last one is found."""
    cache = VectorCache()
    for number, text in enumerate(texts):
        cache.put(text, vector(number))
        kept = cache.get(text)
        assert kept == vector(number)
    for number, text in enumerate(texts):
        kept = cache.get(text)
        assert kept in (None, vector(number))


def test_an_unknown_text_is_missing() -> None:
    """An empty place is no vector."""
    assert VectorCache().get("nobody put this here") is None


def test_a_torn_entry_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process has half overwritten is not used."""
    cache = VectorCache()
    cache.put("text", vector(1))
    with monkeypatch.context() as patched:
        patched.setattr(vectors, "_checksum", lambda _key, _body: b"torn")
        cache.put("text", vector(2))
    assert cache.get("text") is None
    cache.put("text", vector(3))
    assert cache.get("text") is not None


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no memory to share on this system")
def test_processes_find_each_others_vectors() -> None:
    """What one process keeps, another one finds, without a file."""
    descriptor = shareable()
    assert descriptor is not None
    try:
        cache = VectorCache(descriptor)
        program = (
            "import sys; from embedded_aws.bedrock.encoder.vectors import VectorCache;"
            "VectorCache(int(sys.argv[1])).put('text', bytes(384 * 4))"
        )
        subprocess.run([sys.executable, "-c", program, str(descriptor)], pass_fds=(descriptor,), check=True)
        kept = cache.get("text")
    finally:
        os.close(descriptor)
    assert kept == vector(0)
