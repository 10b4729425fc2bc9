"""Texts as vectors of a Titan model's sizes, by the local encoder.

The encoder's vectors are padded with zeros to 512 and 1,024 dimensions, which changes no cosine; for 256 dimensions
they are projected with a fixed random matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from embedded_aws.bedrock.packages import PackageMissingError
from embedded_aws.wire import ServiceError

if TYPE_CHECKING:  # numpy is loaded when the first text is embedded
    import numpy as np
    from numpy.typing import NDArray

SIZES = (1024, 512, 256)
Vector: TypeAlias = "NDArray[np.float32]"
Kind = Literal["query", "passage"]


class Encoder(Protocol):
    """A model that embeds questions and passages: rows of unit length. Safe to call from several threads."""

    def __call__(self, texts: Sequence[str], kind: Kind = "passage", /) -> Vector: ...


def local_encoder(texts: Sequence[str], kind: Kind = "passage", /) -> Vector:
    """The embedded AWS's own encoder, loaded at the first call. Raises ServiceError if it is not installed."""
    from embedded_aws.bedrock.encoder.model import encode

    try:
        return encode(texts, kind)
    except PackageMissingError as error:
        raise ServiceError("ServiceUnavailableException", f"The embedding model cannot run: {error}.", 503) from None


def sized(vector: Vector, size: int) -> Vector:
    """A unit vector with `size` dimensions, of a unit vector with any number."""
    import numpy as np

    found = np.zeros(size, dtype=np.float32)
    if len(vector) <= size:
        found[: len(vector)] = vector
    else:
        found[:] = vector @ _projection(len(vector), size)
    unit: Vector = found / max(float(np.linalg.norm(found)), 1e-9)
    return unit


@cache
def _projection(size: int, smaller: int) -> Vector:
    """A fixed random projection, which keeps cosines approximately (Johnson and Lindenstrauss 1984)."""
    import numpy as np

    return np.random.default_rng(0).standard_normal((size, smaller), dtype=np.float32)
