"""What a name says of a file or a folder. Where it says nothing, the content decides
(cluster/vision/sources/file_kinds.py).
"""

from __future__ import annotations

import os

from cluster.core.passed_over import PassedOverKind

_JPEG = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"}
_HEIF = {".heic", ".heif", ".hif", ".avif"}
READ_SUFFIXES = frozenset(
    {*_JPEG, *_HEIF, ".png", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif"}
)
"""The formats that Headcount reads."""

_JPEG_2000 = {".jp2", ".j2k", ".jpx"}
_NETPBM = {".ppm", ".pgm", ".pbm", ".pnm"}
_RARE = {".jxl", ".psd", ".ico", ".pcx", ".tga", ".fli", ".flc", ".exr", ".hdr"}
REFUSED_SUFFIXES = frozenset({*_JPEG_2000, *_NETPBM, *_RARE})
"""Pictures of other formats: they become failed items that say so, and are not passed over."""

PHOTO_SUFFIXES = READ_SUFFIXES | REFUSED_SUFFIXES

_SUFFIXES: dict[PassedOverKind, str] = {
    PassedOverKind.RAW: (
        "3fr ari arw bay cr2 cr3 crw cs1 dcr dcs dng drf eip erf fff gpr iiq k25 kc2 kdc mdc mef "
        "mos mrw nef nrw orf ori pef ptx pxn raf raw rw1 rw2 rwl rwz sr2 srf srw sti x3f"
    ),
    PassedOverKind.FILM: (
        "3g2 3gp 3gpp amv asf avi braw divx f4v flv h264 h265 hevc insv lrv m1v m2p m2t m2ts m2v "
        "m4v mkv mov mp4 mpe mpeg mpg mts mxf ogm ogv qt r3d rm rmvb vob webm wmv"
    ),
    PassedOverKind.SIDECAR: "aae arp cos ctg dop exv json mie nksc on1 pp3 thm vrd xmp",
    PassedOverKind.AUDIO: (
        "3ga aac ac3 aif aifc aiff amr ape caf dsf dts flac m4a m4b m4p mid midi mka mp2 mp3 oga "
        "ogg opus wav wma"
    ),
    PassedOverKind.DOCUMENT: (
        "ai cdr csv doc docm docx epub eps gpx htm html ics indd key kml kmz log md mobi msg "
        "numbers odg odp ods odt pages pdf pps ppsx ppt pptx ps rtf svg tex tsv txt vcf xls xlsm "
        "xlsx xml"
    ),
    PassedOverKind.ARCHIVE: (
        "7z bz2 cab cbr cbz dmg gz iso jar lz lz4 lzma rar tar tbz tgz txz xz z zip zst"
    ),
    PassedOverKind.UNFINISHED: "aria2 crdownload download filepart part partial tmp",
    PassedOverKind.OTHER: (
        "apk bat bin c cfg cfs class conf cpp css dat db dll ds_store exe go h ini java js lnk "
        "lrcat lrprev msi o obj otf php py pyc rb rs sh so sqlite sqlite3 toml ttf url vhd vmdk "
        "wal webloc woff woff2 yaml yml"
    ),
}
_KINDS = {f".{word}": kind for kind, words in _SUFFIXES.items() for word in words.split()}

_PROGRAM_FOLDERS = frozenset(
    {
        "$recycle.bin",
        "recycler",
        "system volume information",
        "#recycle",
        "#snapshot",
        "~snapshot",
        "@recycle",
        "@recently-snapshot",
        "@__thumb",
        "@eadir",
        "@sharebin",
        "@tmp",
        "__macosx",
    }
)
"""Bins, snapshots and thumbnails: what Windows, macOS and network disks keep for themselves."""

_PROGRAM_SUFFIXES = (".lrdata", ".lrcat-data")
_LIBRARIES = (".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".aplibrary")
_OF_LIBRARIES = frozenset(
    {"resources", "thumbnails", "previews", "ipod photo cache", "data.noindex"}
    | {"database", "private", "scopes"}
)
"""Copies that a program made of its originals, and its own files, within a library of Apple's."""

NO_MEDIA = ".nomedia"
"""A file of this name marks a folder whose pictures are no photos (Android)."""


def is_photo_name(name: str) -> bool:
    """Tell whether the suffix is that of a picture."""
    return _suffix(name) in PHOTO_SUFFIXES


def find_kind_of_name(name: str) -> PassedOverKind | None:
    """Return what the suffix says that a file is, if it is no picture; None when it is one, or
    when the suffix says nothing.
    """
    return _KINDS.get(_suffix(name))


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is hidden by its name."""
    return name.startswith(".")


def find_kind_of_folder(name: str, *, parent: str) -> PassedOverKind | None:
    """Return why a folder is nobody's photos by its name, in any case; `parent` is the name of
    the folder that it lies in. None for one that is walked.
    """
    if is_hidden(name):
        return PassedOverKind.HIDDEN_FOLDER
    low = name.casefold()
    is_in_library = parent.casefold().endswith(_LIBRARIES) and low in _OF_LIBRARIES
    if low in _PROGRAM_FOLDERS or low.endswith(_PROGRAM_SUFFIXES) or is_in_library:
        return PassedOverKind.PROGRAM_FOLDER
    return None


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()
