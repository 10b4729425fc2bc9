"""The image detector: what the model is shown of an image, how its scores become grades, and the model itself."""

from __future__ import annotations

import importlib.util
import io
import zlib
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from PIL import Image

from embedded_aws.bedrock.detection import LocalDetection
from embedded_aws.bedrock.detectors import images
from embedded_aws.bedrock.images import UnreadableImageError, check_image
from embedded_aws.bedrock.packages import PackageMissingError

_INSTALLED = importlib.util.find_spec("nudenet") is not None
_model = pytest.mark.skipif(not _INSTALLED, reason="needs stepguard models install --images")
_FORMATS = [
    ("RGB", "PNG"), ("RGBA", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("1", "PNG"), ("I;16", "PNG"),
    ("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"),
]  # fmt: skip


def _encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def _shown(data: bytes) -> list[Any]:
    """What the model sees, as rows of pixels with three channels."""
    return [view[0].transpose(1, 2, 0) for view in images.views(data)]


# --- from scores to grades ---


@pytest.mark.parametrize(
    ("score", "confidence"), [(0.0, "NONE"), (0.24, "NONE"), (0.25, "LOW"), (0.4, "MEDIUM"), (0.6, "HIGH")]
)
@pytest.mark.parametrize("part", sorted(images.EXPLICIT))
def test_an_exposed_private_part_counts_by_its_score(part: str, score: float, confidence: str) -> None:
    """The documented thresholds, for each of the five classes; the highest of them decides."""
    grade = images.graded({"FACE_MALE": 1.0, "ANUS_EXPOSED": 0.0, part: score})
    assert (grade.score, grade.confidence) == (score, confidence)


@pytest.mark.parametrize(
    "part", ["FACE_FEMALE", "BELLY_EXPOSED", "MALE_BREAST_EXPOSED", "FEET_EXPOSED", "BUTTOCKS_COVERED"]
)
def test_other_parts_of_the_body_do_not_count(part: str) -> None:
    """A face, a belly at the beach or somebody dressed is no sexual content."""
    assert images.graded({part: 1.0}).confidence == "NONE"


# --- what is shown ---


@pytest.mark.parametrize(("mode", "kind"), _FORMATS)
def test_every_kind_of_png_and_jpeg_is_shown_in_its_colours(mode: str, kind: str) -> None:
    """Grey, palette, 16 bits, CMYK: left half white, right half black, as the image has it."""
    picture = Image.new("L", (160, 160))
    picture.paste(255, (0, 0, 80, 160))
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)
    data = _encoded(picture if mode == "I;16" else picture.convert(mode), kind)
    assert check_image(kind.lower(), data, "here") == data
    (seen,) = _shown(data)
    assert seen.shape == (320, 320, 3)
    assert seen[:, :140].min() > 0.9
    assert seen[:, 180:].max() < 0.1


def test_channels_come_in_the_order_red_green_blue() -> None:
    """What the model was trained on."""
    (seen,) = _shown(_encoded(Image.new("RGB", (160, 160), (255, 0, 127))))
    assert np.abs(seen[160, 160] - [1, 0, 0.5]).max() < 0.01


def test_an_image_is_padded_to_a_square() -> None:
    """At the right and bottom, so that nothing is distorted."""
    (seen,) = _shown(_encoded(Image.new("RGB", (400, 200), "white")))
    assert (seen[:158].min(), seen[162:].max()) == (1, 0)


def test_a_small_image_is_enlarged_twice_at_most() -> None:
    """Blown up further, icons look like bodies to the model."""
    (seen,) = _shown(_encoded(Image.new("RGB", (48, 48), "white")))
    assert (seen[:95, :95].min(), seen[97:].max(), seen[:, 97:].max()) == (1, 0, 0)


def test_a_photograph_is_turned_upright() -> None:
    """By its EXIF orientation, as viewers show it."""
    picture = Image.new("RGB", (160, 160))
    picture.paste((255, 255, 255), (0, 0, 160, 80))
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    (seen,) = _shown(_encoded(picture, exif=exif))
    assert (seen[:140].max(), seen[180:].min()) == (0, 1)


def test_a_transparent_image_is_shown_in_every_way() -> None:
    """With what it hides, on white, and on black; one that is opaque after all once."""
    hidden = Image.new("RGBA", (160, 160), (255, 0, 0, 0))
    assert [list(seen[100, 100]) for seen in _shown(_encoded(hidden))] == [[1, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert len(_shown(_encoded(Image.new("RGBA", (16, 16), (255, 0, 0, 255))))) == 1


@pytest.mark.parametrize("size", [(4000, 200), (200, 4000), (8000, 1), (1, 8000), (401, 200)])
def test_long_strips_are_shown_in_pieces_too(size: tuple[int, int]) -> None:
    """Squares along the strip, and not many of them, however long it is."""
    data = _encoded(Image.new("RGB", size, "white"))
    seen = _shown(data)
    assert 2 < len(seen) <= 20
    assert all(piece.max() == 1 for piece in seen)


def test_a_mark_at_any_end_of_a_strip_is_in_a_piece() -> None:
    """Nothing at the edges is left out."""
    for place in (0, 1950, 3900):
        picture = Image.new("RGB", (4000, 100))
        picture.paste((255, 255, 255), (place, 0, place + 100, 100))
        whole, *pieces = _shown(_encoded(picture))
        assert max(float(piece.mean()) for piece in pieces) > 4 * whole.mean()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:100] + bytes([data[100] ^ 255]) + data[101:],
        lambda data: data[:33],
    ],
    ids=["cut", "flipped byte", "header alone"],
)
def test_a_damaged_png_is_reported(damage: Any) -> None:
    """An image of which a part is missing could hide what it shows."""
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    with pytest.raises(UnreadableImageError, match="damaged"):
        list(images.views(damage(_encoded(Image.fromarray(noise)))))


def test_a_cut_jpeg_is_reported() -> None:
    """Decoders would fill the rest with grey."""
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    data = _encoded(Image.fromarray(noise), "JPEG")
    with pytest.raises(UnreadableImageError, match="damaged"):
        list(images.views(data[: len(data) // 2]))


def test_an_animation_is_reported() -> None:
    """Only its first picture would be judged."""
    data = _encoded(Image.new("RGB", (9, 9)), save_all=True, append_images=[Image.new("RGB", (9, 9), "red")])
    with pytest.raises(UnreadableImageError, match="animated"):
        list(images.views(data))


def test_a_second_header_does_not_open_a_bomb() -> None:
    """An IHDR that contradicts the first one is refused before anything is decoded."""
    data = _encoded(Image.new("RGB", (9, 9)))
    second = bytearray(data[8:33])
    second[8:16] = (9001).to_bytes(4, "big") * 2
    crc = zlib.crc32(bytes(second[4:21])).to_bytes(4, "big")
    bomb = data[:33] + bytes(second[:21]) + crc + data[33:]
    assert check_image("png", bomb, "here")
    with pytest.raises(UnreadableImageError, match="damaged"):
        list(images.views(bomb))


# --- the model ---


@pytest.mark.skipif(_INSTALLED, reason="nudenet is installed")
def test_without_the_package_the_error_names_it() -> None:
    """And the command that installs it."""
    with pytest.raises(PackageMissingError, match=r"nudenet is not installed; run .stepguard models install --images"):
        images.grade(_encoded(Image.new("RGB", (9, 9))))


@_model
def test_the_model_finds_a_face_and_nothing_sexual() -> None:
    """A portrait that ships with matplotlib (Grace Hopper, public domain), as JPEG, mirrored PNG, in grey."""
    file = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    with Image.open(file) as portrait:
        pictures = [file.read_bytes(), _encoded(portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
                    _encoded(portrait.convert("L"))]  # fmt: skip
    for picture in pictures:
        found = images.scores(picture)
        assert max(found, key=lambda name: found[name]) == "FACE_FEMALE"
        assert found["FACE_FEMALE"] > 0.5
        assert LocalDetection().image(picture)["SEXUAL"].confidence == "NONE"


@_model
def test_the_model_knows_the_classes_that_count() -> None:
    """Another model under the same name would otherwise find nothing, and say so."""
    assert len(images.scores(_encoded(Image.new("RGB", (9, 9))))) == 18
    assert set(images.scores(_encoded(Image.new("RGB", (9, 9))))) > images.EXPLICIT


@_model
@pytest.mark.parametrize("pattern", ["noise", "stripes", "gradient", "skin"])
def test_harmless_pictures_pass(pattern: str) -> None:
    """Noise, stripes, a gradient and the plain colour of skin."""
    across, down = np.meshgrid(np.arange(200), np.arange(150))
    pixels = {
        "noise": np.random.default_rng(1).integers(0, 255, (150, 200, 3)),
        "stripes": np.repeat((across // 10 % 2 * 255)[..., None], 3, axis=2),
        "gradient": np.stack([across, down, across + down], axis=2) % 256,
        "skin": np.full((150, 200, 3), (224, 172, 105)),
    }[pattern]
    assert images.grade(_encoded(Image.fromarray(pixels.astype(np.uint8)))).confidence == "NONE"
