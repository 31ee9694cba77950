"""TIFFs of floating point, wide integers and separate planes, which Pillow refuses or mixes up."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import numpy as np
import pytest
import tifffile

from cluster.core.errors import UnreadableImage
from cluster.vision.photos.images import open_image

HEIGHT, WIDTH = 90, 140


def draw() -> np.ndarray:
    """The shades of a picture, 0..1, float64 (H, W, 3)."""
    x, y = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
    return np.stack([0.15 + 0.7 * x, 0.1 + 0.6 * y, 0.9 - 0.6 * x * y], axis=2)


SHADES = draw()
WANTED = SHADES * 255


def write(samples: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, samples, **{"photometric": "rgb", **options})
    return out.getvalue()


def check(data: bytes, *, most: float = 1.0) -> None:
    found = open_image(data, path="photo.tif")
    assert (found.width, found.height) == (WIDTH, HEIGHT)
    assert np.abs(found.pixels - WANTED).max() <= most


def reason(data: bytes, **limits: int) -> str:
    with pytest.raises(UnreadableImage) as caught:
        open_image(data, path="photo.tif", **limits)
    return caught.value.reason


LAYOUTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "big-endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "big-endian BigTIFF": {"bigtiff": True, "byteorder": ">"},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (32, 48)},
    "deflate": {"compression": "zlib", "rowsperstrip": 16},
    "zstd tiles": {"compression": "zstd", "tile": (64, 64)},
    "packbits": {"compression": "packbits"},
    "lzw with differences": {"compression": "lzw", "predictor": True},
    "deflate, big-endian, with differences": {
        "compression": "zlib",
        "predictor": True,
        "byteorder": ">",
    },
}
KINDS = {
    "half": SHADES.astype(np.float16),
    "float": SHADES.astype(np.float32),
    "double": SHADES,
    "float up to 255": WANTED.astype(np.float32),
    "32 bits": (SHADES * (2**32 - 1)).astype(np.uint32),
    "signed": (SHADES * 32767).astype(np.int16),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_deep_samples_are_read_in_every_layout(kind: str, layout: str) -> None:
    check(write(KINDS[kind], **LAYOUTS[layout]))


@pytest.mark.parametrize("kind", [*KINDS, "16 bits"])
@pytest.mark.parametrize("layout", [{}, {"tile": (32, 48)}, {"compression": "zlib"}])
def test_separate_planes_are_not_mixed_up(kind: str, layout: dict[str, Any]) -> None:
    """Pillow silently read three planes of 16 bits as if they were one."""
    samples = (KINDS | {"16 bits": (WANTED * 257).astype(np.uint16)})[kind]
    planes = np.ascontiguousarray(samples.transpose(2, 0, 1))
    check(write(planes, planarconfig="separate", **layout))


def test_alpha_grey_and_white_that_is_zero_are_understood() -> None:
    clear = np.dstack([SHADES, np.ones((HEIGHT, WIDTH))]).astype(np.float32)
    check(write(clear, extrasamples=["unassalpha"]))
    clear[..., 3] = 0
    found = open_image(write(clear, extrasamples=["unassalpha"]), path="photo").pixels
    assert (found == 255).all()
    grey = SHADES[..., 0]
    for colours, samples in (("minisblack", grey), ("miniswhite", 1 - grey)):
        found = open_image(write(samples, photometric=colours), path="photo").pixels
        assert np.abs(found[..., 1] - WANTED[..., 0]).max() <= 1


def test_a_deep_tiff_is_turned_and_keeps_its_time() -> None:
    turn = [(274, "H", 1, 6, True)]
    data = write(KINDS["float"], extratags=turn, datetime="2020:01:02 03:04:05")
    found = open_image(data, path="photo.tif")
    assert (found.width, found.height) == (HEIGHT, WIDTH)
    assert (found.orientation, found.taken_at) == (6, datetime(2020, 1, 2, 3, 4, 5))
    assert np.abs(found.pixels - np.rot90(WANTED, -1)).max() <= 1


def test_what_is_no_number_becomes_black_and_changes_no_other_pixel() -> None:
    samples = KINDS["float"].copy()
    samples[:2], samples[2], samples[3], samples[4] = np.nan, np.inf, -np.inf, -5
    found = open_image(write(samples), path="photo").pixels
    assert not found[:5].any()
    assert np.abs(found[5:] - WANTED[5:]).max() <= 1


def test_a_tiff_that_nobody_reads_says_which_kind_it_is_and_what_to_do() -> None:
    inks = np.zeros((8, 8, 4), np.float32)
    said = reason(write(inks, photometric="separated"))
    assert said.startswith("a TIFF of 4 channels with 32 bits of floating point, which is not read")
    assert said.endswith("save it with 8 or 16 bits a channel")
    shades = (WANTED[:64, :64]).astype(np.uint8)
    for kind, number in (("jpegxl", 50002), ("webp", 50001)):
        said = reason(write(shades, compression=kind))
        assert f"compressed in a way that is not read ({number}); save it anew" in said


def test_a_deep_tiff_that_is_cut_or_too_large_says_so() -> None:
    data = write(KINDS["float"], compression="zlib")
    assert reason(data[: len(data) // 2]) == "the file ends too early"
    assert "more than the limit" in reason(data, max_pixels=1000)


@pytest.mark.parametrize("layout", ["plain", "lzw with differences", "zstd tiles"])
def test_damage_to_a_deep_tiff_gives_a_picture_or_a_reason(layout: str) -> None:
    whole = write(KINDS["half"][:20, :24], **LAYOUTS[layout])
    random = np.random.default_rng(1)
    for _ in range(120):
        damaged = bytearray(whole)
        for place in random.integers(0, min(len(whole), 400), 3):
            damaged[place] = random.integers(0, 256)
        try:
            open_image(bytes(damaged), path="photo.tif", max_pixels=100_000)
        except UnreadableImage:
            continue
