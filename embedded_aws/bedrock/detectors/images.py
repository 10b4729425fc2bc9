"""The SEXUAL content filter on images: NudeNet's detector of body parts, mapped to AWS's confidence levels.

The model file (`320n.onnx`, a YOLOv8n of 12 MB) comes from the package nudenet, which is an optional extra
(`stepguard models install --images`); Pillow decodes. The package's own code is not used: it needs OpenCV, and hands
the model the colour channels in reverse (docs/decisions/0013-images.md).
"""

from __future__ import annotations

import ast
import importlib.util
import io
import threading
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.detectors.content.grades import Confidence, Grade
from embedded_aws.bedrock.encoder.inference import inference_session
from embedded_aws.bedrock.images import MAXIMUM_SIDE, UnreadableImageError
from embedded_aws.bedrock.packages import PackageMissingError, packaged_file

if TYPE_CHECKING:
    from PIL.Image import Image

TYPE = "SEXUAL"
SIDE = 320
"""Pixels of the model's square input."""
EXPLICIT = frozenset(
    {
        "ANUS_EXPOSED",
        "BUTTOCKS_EXPOSED",
        "FEMALE_BREAST_EXPOSED",
        "FEMALE_GENITALIA_EXPOSED",
        "MALE_GENITALIA_EXPOSED",
    }
)
"""Body parts whose score is the filter's. Faces, feet, bellies, covered parts and a man's chest do not count."""
THRESHOLDS: Mapping[Confidence, float] = {"HIGH": 0.6, "MEDIUM": 0.4, "LOW": 0.25}
"""Chosen, not calibrated: there is no data here to calibrate on. 0.25 is where NudeNet itself begins to report."""

_PACKAGE = "nudenet"
_PIECES = 8
# A small image is made twice as large at most: blown up further, icons look like bodies (measured).
_ENLARGED = 2
# All that Pillow raised in 250,000 mutated images, and what its documentation names.
_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, OverflowError, AssertionError)
# EXIF 2.3, tag Orientation: how to turn the image upright.
_ORIENTATION = 0x0112
_TURNED = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
_GROUNDS = ("white", "black")
_MISSING = "run `stepguard models install --images`"
Pixels = NDArray[np.float32]
# One decoded image may take 256 MB: never two at a time in a process.
_decoding = threading.Lock()
_loading = threading.Lock()


def grade(data: bytes) -> Grade:
    """Grade an image whose header `embedded_aws.bedrock.images.check_image` has accepted.

    Raises UnreadableImageError for one that cannot be decoded whole, PackageMissingError without the extra.
    """
    return graded(scores(data))


def graded(found: Mapping[str, float]) -> Grade:
    """The grade that follows from the model's scores by class."""
    score = max((found.get(part, 0.0) for part in EXPLICIT), default=0.0)
    confidence: Confidence = next((level for level, least in THRESHOLDS.items() if score >= least), "NONE")
    return Grade(score, confidence)


def scores(data: bytes) -> dict[str, float]:
    """The highest score, 0 to 1, of each of the model's 18 classes (`FACE_FEMALE`, `BELLY_EXPOSED`…) in an image."""
    session, names = _model()
    with _decoding:
        squares = list(views(data))
    highest = dict.fromkeys(names, 0.0)
    for pixels in squares:
        (output,) = session.run(None, {session.get_inputs()[0].name: pixels})
        by_class = output[0, 4:]  # rows: x, y, width, height, then one row for each class; columns: places
        winners = by_class.argmax(axis=0)  # a place shows the class that it scores highest
        for number, name in enumerate(names):
            own = by_class[number, winners == number]
            highest[name] = max(highest[name], float(own.max()) if own.size else 0.0)
    return highest


def views(data: bytes) -> Iterator[Pixels]:
    """The parts of an image that the model gets: one square for an ordinary one, RGB from 0 to 1 in
    shape (1, 3, 320, 320).

    Long strips are also cut into pieces, so that details stay visible. A transparent image is drawn on white, on black,
    and without its transparency, since the next reader may use any of these.

    Raises UnreadableImageError.
    """
    for image in _decoded(data):
        yield _pixels(image)
        for piece in _pieces(image):
            yield _pixels(piece)


def _decoded(data: bytes) -> list[Image]:
    """The image, upright and in RGB, about as large as the model needs it; three of them for a transparent one."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata
            image, alpha = _read(data)
    except UnreadableImageError:
        raise
    except _DAMAGED:
        raise UnreadableImageError("it is damaged") from None
    if alpha is None or alpha.getextrema()[0] == 255:
        return [image]
    return [image, *(Image.composite(image, Image.new("RGB", image.size, ground), alpha) for ground in _GROUNDS)]


def _read(data: bytes) -> tuple[Image, Image | None]:
    """The image's colours and its transparency. 8,000 x 8,000 pixels take some 350 MB, for a moment."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
        if max(opened.size) > MAXIMUM_SIDE:  # a second header that contradicts the first
            raise UnreadableImageError("it is damaged")
        if opened.format == "PNG" and getattr(opened, "n_frames", 1) > 1:
            raise UnreadableImageError("it is animated; only still images can be judged")
        opened.draft("RGB", (2 * SIDE, 2 * SIDE))  # a large JPEG is decoded at a fraction of its size
        image: Image.Image = opened
        if turned := _TURNED.get(opened.getexif().get(_ORIENTATION, 1)):
            image = image.transpose(Image.Transpose[turned])
        if image.mode.startswith("I"):  # 16 bits a channel: the upper eight are what is seen
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        transparent = image.has_transparency_data
        if image.mode not in ("L", "RGB", "RGBA"):
            image = image.convert("RGBA" if transparent else "RGB")
        elif transparent and image.mode != "RGBA":
            image = image.convert("RGBA")
        # Channel by channel: all at once would take the memory twice, and lose what transparency hides.
        factor = max(1, min(image.size) // (2 * SIDE))
        small = Image.merge(image.mode, [image.getchannel(band).reduce(factor) for band in image.getbands()])
    return small.convert("RGB"), small.getchannel("A") if transparent else None


def _pieces(image: Image) -> Iterator[Image]:
    """Overlapping squares along an image that is more than twice as long as wide; at most 8."""
    width, height = image.size
    short, long = min(width, height), max(width, height)
    if long <= 2 * short:
        return
    side = max(short, -(-2 * long // (_PIECES + 1)))
    for start in range(0, long - side // 2, max(1, side // 2)):
        first = min(start, long - side)
        yield image.crop((first, 0, first + side, height) if width > height else (0, first, width, first + side))


def _pixels(image: Image) -> Pixels:
    """The image as the model takes it, padded at the right and bottom to a square."""
    from PIL import Image

    scale = min(SIDE / max(image.size), _ENLARGED)
    width, height = (max(1, round(side * scale)) for side in image.size)
    square = Image.new("RGB", (SIDE, SIDE))
    square.paste(image.resize((width, height), Image.Resampling.BILINEAR), (0, 0))
    return np.ascontiguousarray(np.asarray(square, dtype=np.float32).transpose(2, 0, 1)[None] / 255)


def _model() -> tuple[Any, list[str]]:
    with _loading:  # lru_cache alone would let two threads load the model at once
        return _load()


@lru_cache(maxsize=1)
def _load() -> tuple[Any, list[str]]:
    """Inference session and class names, loaded at the first image (about 0.1 s)."""
    if importlib.util.find_spec("PIL") is None:
        raise PackageMissingError("the package pillow is not installed: run pip install 'stepguard[images]'")
    session = inference_session(_model_file())
    names = ast.literal_eval(session.get_modelmeta().custom_metadata_map["names"])  # {0: 'FACE_FEMALE', …}
    return session, [str(names[number]) for number in range(len(names))]


def _model_file() -> Path:
    return packaged_file(_PACKAGE, "320n.onnx", _MISSING)
