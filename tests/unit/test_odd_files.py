"""Files that open everywhere else are read: metadata, first words and empty rows decide nothing."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from cluster.core.duplicates import have_alike_phashes
from cluster.core.errors import UnreadableImage
from cluster.core.passed_over import PassedOverKind
from cluster.core.same_picture import are_blocks_same
from cluster.vision.photos.images import open_image
from cluster.vision.relations.fingerprints import make_record_and_image
from cluster.vision.sources.file_kinds import find_format, find_kind

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
TRAILER = b"\0\0\x30\x0a\x0e\0\0\0MotionPhoto_Data\0\0\0\x18ftypmp42" + np.random.default_rng(
    1
).bytes(5000)
"""What a phone writes behind the picture: its own data, and a film."""

WIDE = [(0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249)]
"""The primaries of ProPhoto RGB."""


def draw(width: int = 240, height: int = 160) -> Image.Image:
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    noise = np.random.default_rng(2).integers(0, 30, (height, width, 3))
    smooth = np.stack([40 + 170 * x, 30 + 150 * y, 200 - 150 * x * y], axis=2)
    return Image.fromarray((smooth + noise).astype(np.uint8))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def read(data: bytes, long_side_px: int | None = None) -> np.ndarray:
    return open_image(data, path="photo", long_side_px=long_side_px).pixels


def find_reason(data: bytes) -> str:
    with pytest.raises(UnreadableImage) as caught:
        open_image(data, path="photo")
    return caught.value.reason


def chunk(kind: bytes, content: bytes, check: int | None = None) -> bytes:
    right = zlib.crc32(kind + content)
    end = struct.pack(">I", right if check is None else check)
    return struct.pack(">I", len(content)) + kind + content + end


LONG = np.random.default_rng(3).integers(32, 126, 1_200_000, dtype=np.uint8).tobytes()
PADDED = SRGB + bytes(1_200_000)
LARGE = {
    "text": chunk(b"zTXt", b"workflow\0\0" + zlib.compress(LONG)),
    "xmp": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG)),
    "icc": chunk(b"iCCP", b"a\0\0" + zlib.compress(struct.pack(">I", len(PADDED)) + PADDED[4:])),
    "bomb": chunk(b"zTXt", b"bomb\0\0" + zlib.compress(bytes(200_000_000))),
    "many texts": b"".join([chunk(b"tEXt", b"a\0" + bytes([65]) * 900_000)] * 80),
}
WRONG = {
    "pHYs": chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1), 7),
    "tEXt": chunk(b"tEXt", b"Comment\0hello", 7),
    "gAMA": chunk(b"gAMA", struct.pack(">I", 45455), 7),
    "iCCP": chunk(b"iCCP", b"icc\0\0" + zlib.compress(SRGB), 7),
    "eXIf": chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\1\0\0\0\0\0\0", 7),
    "tRNS": chunk(b"tRNS", bytes(6), 7),
    "short gAMA": chunk(b"gAMA", b"\0"),
    "short cHRM": chunk(b"cHRM", b"\0\1\2"),
    "short pHYs": chunk(b"pHYs", b"\0"),
    "empty sRGB": chunk(b"sRGB", b""),
    "acTL": chunk(b"acTL", b"\0\0"),
    "fcTL": chunk(b"fcTL", b"\0\0\0\7"),
}


@pytest.mark.parametrize("name", [*LARGE, *WRONG])
def test_metadata_of_a_png_does_not_decide_whether_it_is_read(name: str) -> None:
    plain = encode(draw(), "PNG")
    for at in (33, plain.index(b"IDAT") - 4, len(plain) - 12):
        odd = plain[:at] + (LARGE | WRONG)[name] + plain[at:]
        assert np.array_equal(read(odd), read(plain))


def test_a_png_keeps_the_sound_metadata_beside_the_unsound() -> None:
    plain = encode(draw(), "PNG", exif=make_exif(6))
    odd = plain[:33] + WRONG["pHYs"] + plain[33:]
    assert open_image(odd, path="photo").orientation == 6
    assert np.array_equal(read(odd), read(plain))


def test_a_png_says_that_the_checksum_of_its_header_is_wrong() -> None:
    plain = bytearray(encode(draw(), "PNG"))
    plain[30] ^= 1
    assert find_reason(bytes(plain)).endswith("(the checksum of its header is wrong)")


@pytest.mark.parametrize("is_interlaced", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_png_that_is_cut_says_how_much_is_there_whatever_it_shows(
    is_interlaced: bool, share: float
) -> None:
    dark = np.zeros((200, 300, 3), np.uint8)
    dark[::2, ::50] = np.random.default_rng(4).integers(0, 2, (100, 6, 3))
    whole = encode(Image.fromarray(dark), "PNG", compress_level=0)
    if is_interlaced:
        whole = interlace(dark)
    start = whole.index(b"IDAT") + 4
    said = find_reason(whole[: start + int((len(whole) - start) * share)])
    assert abs(int(said.split("only ")[1].split(" ")[0]) - 100 * share) <= 2


def interlace(pixels: np.ndarray) -> bytes:
    """Return an interlaced PNG (Adam7)."""
    height, width = pixels.shape[:2]
    steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
    raw = b"".join(
        b"\0" + row.tobytes()
        for left, top, across, down in (*steps, (0, 1, 1, 2))
        for row in pixels[top::down, left::across]
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 0)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def make_end(name: str) -> Image.Image:
    image = draw()
    if name == "letterbox":
        image.paste((0, 0, 0), (0, 90, 240, 160))
    return Image.new("RGB", (240, 160), name) if name in ("black", "white", "grey") else image


@pytest.mark.parametrize("name", ["bright", "letterbox", "black", "white", "grey"])
@pytest.mark.parametrize("trailer", [b"", TRAILER], ids=["cut", "trailer"])
@pytest.mark.parametrize("long_side_px", [None, 60])
@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 2}],
    ids=["plain", "progressive", "restarts", "more-restarts"],
)
def test_a_jpeg_that_lacks_only_its_end_marker_is_read_whole(
    name: str, trailer: bytes, long_side_px: int | None, options: dict[str, object]
) -> None:
    whole = encode(make_end(name), "JPEG", quality=90, **options)
    found = read(whole[:-2] + trailer, long_side_px)
    assert np.array_equal(found, read(whole, long_side_px))


@pytest.mark.parametrize("side", [1, 8, 16, 17, 40])
def test_a_tiny_jpeg_without_its_end_marker_is_read_whole(side: int) -> None:
    whole = encode(draw(side, side), "JPEG")
    assert np.array_equal(read(whole[:-2]), read(whole))


@pytest.mark.parametrize("name", ["bright", "letterbox", "black"])
@pytest.mark.parametrize("restarts", [0, 1])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_jpeg_that_is_cut_says_how_much_is_there_whatever_it_shows(
    name: str, restarts: int, share: float
) -> None:
    whole = encode(make_end(name), "JPEG", quality=90, restart_marker_rows=restarts)
    start = whole.index(b"\xff\xda") + 14
    there = start + int((len(whole) - start) * share)
    truth = find_rows(whole, there)
    said = find_reason(whole[:there])
    assert said.startswith("the file ends too early: only ")
    assert abs(int(said.split("only ")[1].split(" ")[0]) - truth) <= 6


def find_rows(whole: bytes, cut: int) -> float:
    """Return which percent of the rows the bytes up to `cut` decide, by changing what follows."""
    changed = bytearray(whole)
    for at in range(cut, len(whole) - 2):
        if not {0xFF, 0xAA} & set(whole[at - 1 : at + 2]):
            changed[at] ^= 0x55
    differs = (read(whole) != read(bytes(changed))).any(axis=(1, 2))
    return 100 * float(differs.argmax()) / len(differs)


def test_a_jpeg_that_breaks_off_in_the_middle_does_not_say_that_the_file_ends() -> None:
    whole = encode(draw(), "JPEG", quality=90)
    middle = whole.index(b"\xff\xda") + (len(whole) - whole.index(b"\xff\xda")) // 2
    said = find_reason(whole[:middle] + b"\xff\xc4\0\3\xff" + whole[middle + 5 :])
    assert said.startswith("the picture is damaged: only ")


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


SEGMENTS = {
    "jfif": segment(0xE0, b"JFIF"),
    "exif": segment(0xE1, b"Exif\0\0MM"),
    "xmp": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0\xff"),
    "icc": segment(0xE2, b"ICC_PROFILE\0\1\1ab"),
    "icc of no place": segment(0xE2, b"ICC_PROFILE\0"),
    "mpf": segment(0xE2, b"MPF\0MM\0*\0\0\xff\xff\0\0"),
    "short mpf": segment(0xE2, b"MPF\0"),
    "photoshop": segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\xff\xff"),
    "short photoshop": segment(0xED, b"Photoshop 3.0\x008BIM"),
    "photoshop resolution": segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\4abcd"),
    "adobe": segment(0xEE, b"Adobe"),
    "flashpix": segment(0xE2, b"FPXR"),
    "comment": segment(0xFE, b""),
    "length of zero": b"\xff\xec\0\0",
}


@pytest.mark.parametrize("name", SEGMENTS)
def test_metadata_of_a_jpeg_does_not_decide_whether_it_is_read(name: str) -> None:
    plain = encode(draw(), "JPEG")
    for at in (2, plain.index(b"\xff\xdb"), plain.index(b"\xff\xda")):
        odd = plain[:at] + SEGMENTS[name] + plain[at:]
        assert np.array_equal(read(odd), read(plain))


@pytest.mark.parametrize("kind", [b"EXIF", b"ICCP", b"XMP ", b"ABCD"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
def test_metadata_of_a_webp_does_not_decide_whether_it_is_read(
    kind: bytes, mode: str, lossless: bool
) -> None:
    picture = draw().convert(mode)
    plain = encode(picture, "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0", lossless=lossless)
    odd = plain + kind + struct.pack("<I", 7) + b"broken!\0"
    longer = odd[:4] + struct.pack("<I", len(odd) + 99) + odd[8:]
    for data in (odd, longer, plain + kind + b"\xff\xff\xff\x7f"):
        assert np.array_equal(read(data), read(plain))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("is_big", [False, True])
@pytest.mark.parametrize("tag", [0, 270, 282, 305, 306, 700, 33723, 34377, 34665, 34675, 40000])
def test_metadata_of_a_tiff_does_not_decide_whether_it_is_read(
    order: str, is_big: bool, tag: int
) -> None:
    pixels = np.asarray(draw())
    for kind, count, value in ((2, 9, 1 << 30), (5, 1, 0), (7, 1 << 28, 12), (99, 3, 3)):
        data = make_tiff(pixels, order=order, is_big=is_big, odd=(tag, kind, count, value))
        assert np.array_equal(read(data), pixels)


def make_tiff(
    pixels: np.ndarray, *, order: str, is_big: bool, odd: tuple[int, int, int, int]
) -> bytes:
    """Return a plain TIFF or BigTIFF with one entry that is nonsense, unless its tag is 0."""
    height, width = pixels.shape[:2]
    start = 16 if is_big else 8
    values = {256: width, 257: height, 259: 1, 262: 2, 273: start, 277: 3, 278: height}
    values |= {279: pixels.nbytes, 284: 1}
    entries = [(tag, 16 if is_big else 4, 1, value) for tag, value in values.items()]
    after = start + pixels.nbytes
    bits = struct.pack(f"{order}3H", 8, 8, 8)
    entries.append((258, 3, 3, int.from_bytes(bits + b"\0\0", "little" if order == "<" else "big")))
    if not is_big:
        entries[-1] = (258, 3, 3, after)
    entries = sorted([*entries, *([odd] if odd[0] else [])])
    number, offset = ("Q", "Q") if is_big else ("H", "I")
    mark = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if is_big else 42)
    head = mark + (struct.pack(f"{order}HH", 8, 0) if is_big else b"")
    head += struct.pack(order + offset, after + len(bits))
    packed = (struct.pack(f"{order}HH{offset}{offset}", *entry) for entry in entries)
    listed = struct.pack(order + number, len(entries)) + b"".join(packed) + bytes(8)
    return head + pixels.tobytes() + bits + listed


FTYP = b"\0\0\0\x20ftyp"


@pytest.mark.parametrize("brand", [b"mif1", b"msf1", b"miaf", b"avis", b"MA1A", b"xxxx"])
def test_the_compatible_brands_say_that_a_file_is_an_avif(brand: bytes) -> None:
    plain = encode(draw(), "AVIF", speed=10)
    odd = plain[:8] + brand + plain[12:]
    assert np.array_equal(read(odd), read(plain))
    found = find_format(odd[:4096])
    assert found is not None
    assert found.name == "AVIF"


@pytest.mark.parametrize(
    "brand", b"mif1 miaf mif2 msf1 MiHB MiHE MiPr 1pic heim heis hevx xxxx".split()
)
def test_the_compatible_brands_say_that_a_file_is_a_heic(brand: bytes) -> None:
    plain = encode(draw(), "HEIF")
    odd = plain[:8] + brand + plain[12:]
    assert np.array_equal(read(odd), read(plain))
    assert find_kind(odd[:4096]) is None


@pytest.mark.parametrize(("kind", "name"), [("AVIF", "AVIF"), ("HEIF", "HEIC")])
def test_where_no_brand_is_known_the_boxes_tell_a_picture(kind: str, name: str) -> None:
    plain = encode(draw(), kind)
    size = int.from_bytes(plain[:4])
    odd = plain[:8] + b"new1\0\0\0\0" + b"new2" * ((size - 16) // 4) + plain[size:]
    found = find_format(odd[:4096])
    assert found is not None
    assert found.name == name
    assert read(odd).shape == (160, 240, 3)


@pytest.mark.parametrize("brand", [b"isom", b"qt  ", b"mp42", b"new1", b"M4V "])
def test_a_film_stays_a_film(brand: bytes) -> None:
    film = (
        FTYP + brand + b"\0\0\0\0isomiso2avc1mp41" + b"\0\0\0\x08free\0\0\0\x10moov\0\0\0\x08trak"
    )
    assert find_kind(film) is PassedOverKind.FILM
    assert find_reason(film).startswith("a file of kind video")


def make_profile(primaries: list[tuple[float, float, float]], gamma: float) -> bytes:
    """Return an ICC profile (version 2.4) of these primaries, in D50 XYZ."""

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ " + bytes(4) + b"".join(map(number, values))

    curve = b"curv" + bytes(4) + struct.pack(">IHH", 1, int(gamma * 256), 0)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"wide\0" + bytes(78)
    tags = [(b"desc", text), (b"cprt", b"text" + bytes(4) + b"none\0")]
    tags += [(b"wtpt", xyz((0.9642, 1, 0.8249)))]
    tags += list(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, primaries), strict=True))
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags:
        whole = content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", at, len(whole))
        body, at = body + whole, at + len(whole)
    head = struct.pack(">I", at) + bytes(4) + struct.pack(">I", 0x02400000) + b"mntrRGB XYZ "
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return head + b"".join(map(number, (0.9642, 1, 0.8249))) + bytes(48) + table + body


WIDE_PROFILE = make_profile(WIDE, 1.8)


def to_wide(image: Image.Image) -> Image.Image:
    wide = ImageCms.ImageCmsProfile(io.BytesIO(WIDE_PROFILE))
    shown = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), wide, outputMode="RGB")
    assert shown is not None
    return shown


WRITERS = {
    "JPEG": {"quality": 95},
    "PNG": {},
    "WEBP": {"quality": 95},
    "TIFF": {},
    "HEIF": {"quality": 95},
    "AVIF": {"quality": 95},
}


def make_exif(orientation: int) -> Image.Exif:
    """Return an EXIF of its own for each file, because Pillow takes the orientation out of it."""
    exif = Image.Exif()
    exif[0x112] = orientation
    return exif


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_wide_gamut_is_converted_to_srgb(kind: str, orientation: int) -> None:
    options = {**WRITERS[kind], "exif": make_exif(orientation)}
    plain = encode(draw(), kind, **options)
    options = {**WRITERS[kind], "exif": make_exif(orientation), "icc_profile": WIDE_PROFILE}
    data = encode(to_wide(draw()), kind, **options)
    found, wanted = read(data).astype(int), read(plain).astype(int)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).mean() < 4


@pytest.mark.parametrize("seed", range(5))
def test_a_photo_and_its_twin_in_srgb_are_the_same_picture(seed: int) -> None:
    spots = np.random.default_rng(seed).integers(60, 200, (9, 12, 3), dtype=np.uint8)
    shown = Image.fromarray(spots).resize((1200, 900), Image.Resampling.BICUBIC)
    data = encode(to_wide(shown), "JPEG", quality=95, icc_profile=WIDE_PROFILE)
    wide, _ = make_record_and_image(data, path="wide")
    srgb, _ = make_record_and_image(encode(shown, "JPEG", quality=95), path="srgb")
    assert have_alike_phashes(wide.phash, srgb.phash)
    assert are_blocks_same(wide.blocks, srgb.blocks, long_sides=(1200, 1200))


@pytest.mark.parametrize("kind", WRITERS)
def test_a_profile_does_not_change_the_content_of_a_photo(kind: str) -> None:
    """A known photo is not a changed one because its colours are shown as they should be."""
    shown = draw()
    plain, _ = make_record_and_image(encode(shown, kind, **WRITERS[kind]), path="plain")
    data = encode(shown, kind, icc_profile=WIDE_PROFILE, **WRITERS[kind])
    wide, _ = make_record_and_image(data, path="wide")
    assert wide.content == plain.content
    assert wide.thumbnail != plain.thumbnail


@pytest.mark.parametrize(
    "profile",
    [SRGB, b"not a profile", SRGB[:200], bytes(500), b"\xff" * 4000, SRGB[:130] + b"\xff" * 900],
)
def test_the_profile_of_srgb_and_broken_ones_change_nothing(profile: bytes) -> None:
    plain = encode(draw(), "JPEG")
    assert np.array_equal(read(encode(draw(), "JPEG", icc_profile=profile)), read(plain))


def test_a_profile_of_another_colour_space_changes_nothing() -> None:
    grey = draw().convert("L")
    plain = encode(grey, "JPEG")
    assert np.array_equal(read(encode(grey, "JPEG", icc_profile=WIDE_PROFILE)), read(plain))


def make_bitmap(
    pixels: np.ndarray, masks: tuple[int, ...], *, bits: int, header: int, downwards: bool = False
) -> bytes:
    """Return a BMP whose colours, and alpha of 0, are where the masks say."""
    height, width = pixels.shape[:2]
    words = np.zeros((height, width), np.uint32)
    for channel, mask in enumerate(masks[:3]):
        low = (mask & -mask).bit_length() - 1
        most = mask >> low
        words |= (pixels[..., channel].astype(np.uint32) * most // 255) << low
    rows = np.zeros((height, -(-width * bits // 32) * 32 // bits), f"<u{bits // 8}")
    rows[:, :width] = words
    body = (rows if downwards else rows[::-1]).tobytes()
    fields = struct.pack(f"<{len(masks)}I", *masks)
    inside = fields if header > 40 else b""
    offset = 14 + header + (0 if inside else len(fields))
    dib = struct.pack(
        "<IiiHHIIiiII", header, width, -height if downwards else height, 1, bits, 3,
        len(body), 2835, 2835, 0, 0,
    )  # fmt: skip
    dib = (dib + inside).ljust(header, b"\0") + (b"" if inside else fields)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + dib + body


@pytest.mark.parametrize("downwards", [False, True])
@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        (32, (0xFF, 0xFF00, 0xFF0000, 0)),
        (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
        (32, (0x3FF00000, 0xFFC00, 0x3FF, 0)),
        (32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
        (16, (0xF800, 0x7E0, 0x1F)),
        (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
        (16, (0xF00, 0xF0, 0xF, 0xF000)),
    ],
)
def test_a_bmp_is_read_by_its_masks_and_empty_alpha_is_none(
    bits: int, masks: tuple[int, ...], header: int, downwards: bool
) -> None:
    wanted = np.asarray(draw(61, 40))
    given = masks[:3] if header in (40, 52) else (*masks, 0)[:4]
    data = make_bitmap(wanted, given, bits=bits, header=header, downwards=downwards)
    found = read(data).astype(int)
    most = 16 if 0xF in masks else 9 if bits == 16 else 1
    assert np.abs(found - wanted).max() <= most


def test_alpha_of_a_bmp_that_says_something_counts() -> None:
    body = np.full((4, 4, 4), 10, np.uint8)
    body[:2, :, 3], body[2:, :, 3] = 255, 0
    dib = struct.pack("<IiiHHIIiiII", 108, 4, -4, 1, 32, 3, 64, 0, 0, 0, 0)
    dib += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(52)
    data = b"BM" + struct.pack("<IHHI", 14 + 108 + 64, 0, 0, 122) + dib + body.tobytes()
    assert read(data)[:, 0, 0].tolist() == [10, 10, 255, 255]


def add_aperture(size: tuple[int, int]) -> tuple[bytes, bytes]:
    """Return an AVIF without and with a clean aperture (`clap`) of this size in its middle."""
    filler = bytes(range(28))
    plain = encode(draw(), "AVIF", quality=95, icc_profile=filler)
    box = b"\0\0\0\x28colrprof" + filler
    assert box in plain
    numbers = struct.pack(">IIIIiIiI", size[0], 1, size[1], 1, 0, 1, 0, 1)
    cropped = bytearray(plain.replace(box, b"\0\0\0\x28clap" + numbers))
    start = plain.index(b"ipco") + 4
    kinds, at = [], start
    while plain[at : at + 8][4:] != b"ipma":
        kinds.append(plain[at + 4 : at + 8])
        at += int.from_bytes(plain[at : at + 4])
    place = 1 + kinds.index(b"colr")
    first = at + 8 + 4 + 4 + 2 + 1
    for one in range(first, first + plain[first - 1]):
        if plain[one] & 0x7F == place:
            cropped[one] = place | 0x80  # essential
    return plain, bytes(cropped)


@pytest.mark.parametrize("size", [(120, 80), (238, 160)])
def test_an_avif_is_cropped_to_its_clean_aperture(size: tuple[int, int]) -> None:
    plain, cropped = add_aperture(size)
    opened = open_image(cropped, path="photo")
    left, top = (240 - size[0]) // 2, (160 - size[1]) // 2
    assert (opened.width, opened.height) == size
    inside = read(plain)[top : top + size[1], left : left + size[0]]
    assert np.array_equal(opened.pixels, inside)
