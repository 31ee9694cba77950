"""The table of file formats that discovery and reading share, one row for each format.

A row holds the suffixes and signatures of a format, and whether it is read. The known suffixes, the
kinds by content and the names in messages are derived from these rows. A format that a signature
does not identify has a check in cluster/vision/sources/headers.py. To read another format, set
`readers` in its row and register it with Pillow in cluster/vision/photos/images.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from cluster.core.files.passed_over import PassedOverKind


@dataclass(frozen=True, slots=True)
class Signature:
    """The bytes `mark` at the offset `at`.

    A signature without `decides` is too short to recognise a file without a suffix. It only
    identifies the content of a file that has a picture's suffix.
    """

    mark: bytes
    at: int = 0
    decides: bool = True

    def matches(self, head: bytes) -> bool:
        """Tell whether a file that begins with `head` has the mark."""
        return head[self.at : self.at + len(self.mark)] == self.mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How a format is recognised, and how its files are treated.

    `kind` is the reason why discovery passes a file over, None for a picture. `readers` are
    Pillow's names of the format. LibRaw reads a format that `is_raw`; any other picture without
    readers becomes a failed item that names its format. `suffixes` are in lower case with their
    dot. `brands` are those of ISO media files: any brand that a file lists may be one of them, but
    only the first may be one of `major_brands`. `codes` are the types of such a file's coded
    pictures. `demuxer` is FFmpeg's name of a film's format; films without one are always passed
    over.
    """

    name: str
    kind: PassedOverKind | None = None
    readers: tuple[str, ...] = ()
    is_raw: bool = False
    suffixes: frozenset[str] = frozenset()
    signatures: tuple[Signature, ...] = ()
    brands: frozenset[bytes] = frozenset()
    codes: frozenset[bytes] = frozenset()
    major_brands: frozenset[bytes] = frozenset()
    demuxer: str = ""

    @property
    def is_read(self) -> bool:
        """True if Headcount reads photos of this format."""
        return self.is_raw or bool(self.readers)

    @property
    def with_article(self) -> str:
        """Name one file of this format: "a JPEG", "an AVIF"."""
        return f"{'an' if self.name[0] in 'AEIO' else 'a'} {self.name}"


def _suffixes(words: str) -> frozenset[str]:
    return frozenset(f".{word}" for word in words.split())


def _marks(*marks: bytes, at: int = 0) -> tuple[Signature, ...]:
    return tuple(Signature(mark, at) for mark in marks)


def _hints(*marks: bytes, at: int = 0) -> tuple[Signature, ...]:
    return tuple(Signature(mark, at, decides=False) for mark in marks)


ANY_PICTURE = frozenset({b"mif1", b"mif2", b"msf1", b"miaf", b"MiPr", b"1pic"})
"""Brands of a picture that do not identify its coding."""

_READ = (
    Format(
        name="JPEG",
        readers=("JPEG",),  # It includes MPO.
        suffixes=_suffixes("jpg jpeg jpe jfif mpo"),
        signatures=_marks(b"\xff\xd8\xff"),
    ),
    Format(
        name="PNG",
        readers=("PNG",),
        suffixes=_suffixes("png"),
        signatures=_marks(b"\x89PNG\r\n\x1a\n"),
    ),
    Format(
        name="WebP",
        readers=("WEBP",),
        suffixes=_suffixes("webp"),
        signatures=_marks(b"WEBP", at=8),
    ),
    Format(
        name="HEIC",
        readers=("HEIF",),
        suffixes=_suffixes("heic heif hif"),
        brands=frozenset(
            b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 miaf msf1 avci avcs "
            b"MiHB MiHE MiPr 1pic j2ki".split()
        ),
        codes=frozenset({b"hvc1", b"hev1", b"avc1", b"jpeg", b"j2k1"}),
    ),
    Format(
        name="AVIF",
        readers=("AVIF",),
        suffixes=_suffixes("avif"),
        brands=frozenset({b"avif", b"avis"}),
        codes=frozenset({b"av01"}),
    ),
    Format(
        name="TIFF",
        readers=("DEEP_TIFF", "TIFF"),  # In this order.
        suffixes=_suffixes("tif tiff"),
        signatures=_marks(b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"),
    ),
    Format(
        name="BMP",
        readers=("BMP", "DIB"),
        suffixes=_suffixes("bmp dib"),
        signatures=_marks(b"BM"),
    ),
    Format(
        name="GIF",
        readers=("GIF",),
        suffixes=_suffixes("gif"),
        signatures=_marks(b"GIF87a", b"GIF89a"),
    ),
    Format(
        name="JPEG XL",
        readers=("JXL",),
        suffixes=_suffixes("jxl"),
        signatures=_marks(b"\0\0\0\x0cJXL \r\n\x87\n") + _hints(b"\xff\x0a"),
    ),
    Format(
        name="JPEG 2000",
        readers=("JPEG2000",),
        suffixes=_suffixes("jp2 j2k j2c jpc jpf jpx"),
        signatures=_marks(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51\0"),
    ),
    Format(
        name="PSD",
        readers=("FLAT_PSD",),
        suffixes=_suffixes("psd psb"),
        signatures=_marks(b"8BPS\0\1\0\0", b"8BPS\0\2\0\0") + _hints(b"8BPS"),
    ),
    Format(
        name="PNM",
        readers=("PPM", "PAM", "PFM"),
        suffixes=_suffixes("ppm pgm pbm pnm pam pfm"),
        signatures=_marks(b"P4", b"P5", b"P6", b"P7", b"PF", b"Pf") + _hints(b"P1", b"P2", b"P3"),
    ),
)

_REFUSED = (
    Format(
        name="Windows icon",
        suffixes=_suffixes("ico"),
        signatures=_hints(b"\0\0\1\0"),
    ),
    Format(name="PCX", suffixes=_suffixes("pcx"), signatures=_hints(b"\n\x05\x01")),
    Format(
        name="FLI animation",
        suffixes=_suffixes("fli flc"),
        signatures=_hints(b"\x11\xaf", b"\x12\xaf", at=4),
    ),
    Format(name="OpenEXR", suffixes=_suffixes("exr"), signatures=_hints(b"\x76\x2f\x31\x01")),
    Format(name="Radiance HDR", suffixes=_suffixes("hdr"), signatures=_hints(b"#?RADIANCE")),
    Format(name="TGA", suffixes=_suffixes("tga")),
)


def _raw(
    name: str,
    suffixes: str,
    *marks: bytes,
    at: int = 0,
    brands: frozenset[bytes] = frozenset(),
) -> Format:
    return Format(
        name=name,
        is_raw=True,
        suffixes=_suffixes(suffixes),
        signatures=_marks(*marks, at=at),
        brands=brands,
    )


RAW_TIFF = _raw(
    "raw photo",
    "3fr ari arw bay cs1 dcr dcs dng drf erf fff iiq k25 kc2 kdc mdc mef mos nef nrw pef ptx pxn "
    "rwz sr2 srf srw sti",
)
"""A camera's raw file that is a TIFF, or that is recognised only by its name."""

_RAW = (
    _raw("Canon raw", "cr2 cr3 crw", b"HEAPCCDR", at=6, brands=frozenset({b"crx "})),
    _raw("Fujifilm raw", "raf", b"FUJIFILMCCD-RAW"),
    _raw("Olympus raw", "orf ori", b"IIRO", b"IIRS", b"MMOR"),
    _raw("Panasonic raw", "rw1 rw2 rwl", b"IIU\0"),
    _raw("Sigma raw", "x3f", b"FOVb"),
    _raw("Minolta raw", "mrw", b"\0MRM"),
    RAW_TIFF,
    # LibRaw opens neither: one is a ZIP, the other needs GoPro's own library.
    Format(name="raw photo in a package", kind=PassedOverKind.RAW, suffixes=_suffixes("eip gpr")),
)


def _film(name: str, suffixes: str, demuxer: str, *signatures: Signature) -> Format:
    return Format(
        name=name,
        kind=PassedOverKind.FILM,
        suffixes=_suffixes(suffixes),
        signatures=signatures,
        demuxer=demuxer,
    )


VIDEO = _film(
    "video",
    "mp4 m4v mov qt 3gp 3g2",
    "mov",
    *_marks(b"moov", b"mdat", b"wide", b"pnot", at=4),
    *_hints(b"ftyp", at=4),
)
"""An MP4 or QuickTime film. An ISO media file is one unless its brands name another format."""

TRANSPORT_STREAM = _film("MPEG transport stream", "m2t m2ts mts", "mpegts")
"""It is recognised by its packets, which all begin with the same byte."""

_FILMS = (
    VIDEO,
    _film("Matroska or WebM video", "mkv webm", "matroska", *_marks(b"\x1aE\xdf\xa3")),
    _film("AVI video", "avi divx", "avi", *_marks(b"AVI ", at=8)),
    _film("MPEG video", "mpe mpeg mpg", "mpeg", *_marks(b"\0\0\x01\xba")),
    TRANSPORT_STREAM,
    Format(
        name="video of another kind",
        kind=PassedOverKind.FILM,
        suffixes=_suffixes(
            "amv asf braw f4v flv h264 h265 hevc insv lrv m1v m2p m2v mxf ogm ogv r3d rm rmvb vob "
            "wmv"
        ),
        signatures=_marks(*(b"\0\0\x01\xb3", b"FLV\x01"), b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    ),
)

_SOUND = Format(
    name="audio",
    kind=PassedOverKind.AUDIO,
    suffixes=_suffixes(
        "3ga aac ac3 aif aifc aiff amr ape caf dsf dts flac m4a m4b m4p mid midi mka mp2 mp3 oga "
        "ogg opus wav wma"
    ),
    signatures=_marks(b"WAVE", b"AIFF", at=8) + _marks(b"ID3", b"fLaC", b"OggS", b"#!AMR"),
    major_brands=frozenset({b"M4A ", b"M4B ", b"M4P "}),
)


def _archive(name: str, suffixes: str, *marks: bytes, at: int = 0) -> Format:
    return Format(
        name=name,
        kind=PassedOverKind.ARCHIVE,
        suffixes=_suffixes(suffixes),
        signatures=_marks(*marks, at=at),
    )


def _document(name: str, suffixes: str, *marks: bytes) -> Format:
    return Format(
        name=name,
        kind=PassedOverKind.DOCUMENT,
        suffixes=_suffixes(suffixes),
        signatures=_marks(*marks),
    )


_ARCHIVES = (
    _archive("ZIP", "zip cbz jar", b"PK\x03\x04", b"PK\x05\x06"),
    _archive("gzip", "gz tgz", b"\x1f\x8b\x08"),
    _archive("RAR", "rar cbr", b"Rar!\x1a\x07"),
    _archive("7-Zip", "7z", b"7z\xbc\xaf\x27\x1c"),
    _archive("bzip2", "bz2 tbz", b"BZh"),
    _archive("xz", "xz txz", b"\xfd7zXZ\0"),
    _archive("Zstandard", "zst", b"\x28\xb5\x2f\xfd"),
    _archive("tar", "tar", b"ustar", at=257),
    _archive("archive", "cab dmg iso lz lz4 lzma z"),
)

_DOCUMENTS = (
    _document("PDF", "pdf", b"%PDF-"),
    _document("PostScript", "ps eps ai", b"%!PS"),
    _document("SVG", "svg", b"<svg"),
    _document("Microsoft Office", "doc xls ppt pps msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    _document(
        "document",
        "cdr csv docm docx epub gpx htm html ics indd key kml kmz log md mobi numbers odg odp ods "
        "odt pages ppsx pptx rtf tex tsv txt vcf xlsx xlsm xml",
    ),
)

_OTHERS = (
    Format(
        name="sidecar",
        kind=PassedOverKind.SIDECAR,
        suffixes=_suffixes("aae arp cos ctg dop exv json mie nksc on1 pp3 thm vrd xmp"),
    ),
    Format(
        name="unfinished file",
        kind=PassedOverKind.UNFINISHED,
        suffixes=_suffixes("aria2 crdownload download filepart part partial tmp"),
    ),
    Format(
        name="cursor",
        kind=PassedOverKind.OTHER,
        signatures=_marks(b"\0\0\2\0"),
    ),
    Format(
        name="file of another kind",
        kind=PassedOverKind.OTHER,
        suffixes=_suffixes(
            "apk bat bin c cfg cfs class conf cpp css dat db dll ds_store exe go h ini java js lnk "
            "lrcat lrprev msi o obj otf php py pyc rb rs sh so sqlite sqlite3 toml ttf url vhd "
            "vmdk wal webloc woff woff2 yaml yml"
        ),
    ),
)

FORMATS: tuple[Format, ...] = (
    *(*_READ, *_REFUSED, *_RAW, *_FILMS, _SOUND),
    *(*_ARCHIVES, *_DOCUMENTS, *_OTHERS),
)
"""All formats that Headcount knows. When several signatures match, the first one counts."""
