"""Downloads, verifies and unpacks the archives of InsightFace's packs.

An archive is unpacked only if its SHA-256 is the known one. A pack appears in its folder either
complete or not at all, because it is unpacked beside the folder and then renamed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import ZipFile, ZipInfo

import requests

from cluster.core.errors import PackNotFound
from cluster.vision.packs.pack_files import resolve_pack

CONNECT_TIMEOUT_S = 30
READ_TIMEOUT_S = 60
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """The known SHA-256, in hex, and length of an archive."""

    sha256: str
    length_bytes: int


@dataclass(frozen=True, slots=True)
class Release:
    """The known archives of a release, by name; each is at `{url}/{name}.zip`."""

    url: str
    archives: Mapping[str, Archive]


INSIGHTFACE = Release(
    "https://github.com/deepinsight/insightface/releases/download/model-zoo",
    {
        "antelopev2": Archive(
            "8e182f14fc6e80b3bfa375b33eb6cff7ee05d8ef7633e738d1c89021dcf0c5c5", 360_662_982
        ),
        "buffalo_l": Archive(
            "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f", 288_621_354
        ),
        "buffalo_m": Archive(
            "d98264bd8f2dc75cbc2ddce2a14e636e02bb857b3051c234b737bf3b614edca9", 275_951_529
        ),
        "buffalo_s": Archive(
            "d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e", 127_607_557
        ),
        "buffalo_sc": Archive(
            "57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72", 14_969_382
        ),
    },
)
"""The archives that InsightFace 2.1 downloads. The digests come from InsightFace's own server
(github.com/deepinsight/insightface, server/backend/insightface_server/models/packages.py; for
buffalo_s, the test of its catalog). LibrePhotos (its list of models) and others pin the same
digests. The lengths were measured by several of them."""


def download_pack(
    name: str,
    *,
    models_dir: Path,
    release: Release = INSIGHTFACE,
    on_bytes: Callable[[int], object] = lambda _count: None,
) -> Path:
    """Download a pack into `models_dir`, unless it is there, and return its folder.

    `on_bytes` is called with the length of each received piece. Raises PackNotFound if the archive
    is unknown, if its digest is wrong, or if something else is in the pack's place; raises OSError
    if the download fails. After an error, `models_dir` is as it was before.
    """
    archive = release.archives.get(name)
    if archive is None:
        raise PackNotFound(name, _unknown(release))
    folder = models_dir / name
    if _is_whole(name, models_dir=models_dir):
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        cure = "an incomplete pack or something else; move it away and try again"
        raise PackNotFound(name, f"in its place is {folder}, {cure}")
    with _workplace(models_dir / f".download-{name}", pack=name) as workplace:
        file = workplace / "archive.zip"
        _fetch(f"{release.url}/{name}.zip", file, archive=archive, on_bytes=on_bytes)
        _check(file, pack=name, archive=archive)
        _unpack(file, workplace / "unpacked", pack=name)
        os.replace(workplace / "unpacked", folder)
    return folder


def _is_whole(name: str, *, models_dir: Path) -> bool:
    try:
        resolve_pack(name, models_dir=models_dir)
    except PackNotFound:
        return False
    return True


def _unknown(release: Release) -> str:
    return (
        "the SHA-256 of its archive is not known, so the download could not be verified. "
        f"Known packs: {', '.join(sorted(release.archives))}. To use it anyway, download it "
        "yourself, unpack it, and name its folder as the pack"
    )


@contextmanager
def _workplace(folder: Path, *, pack: str) -> Iterator[Path]:
    """Provide an empty folder that only this process uses, and remove it afterwards.

    The folder always has the same name, so the next process removes what a killed one left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor, pack=pack)
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, pack: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PackNotFound(pack, "another process is downloading it; wait for it") from None


def _fetch(url: str, file: Path, *, archive: Archive, on_bytes: Callable[[int], object]) -> None:
    """Write the response of `url` to `file`; stop one byte after the archive's length."""
    timeout = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
    with requests.get(url, stream=True, timeout=timeout) as answer, file.open("xb") as out:
        answer.raise_for_status()
        for chunk in answer.iter_content(CHUNK_BYTES):
            out.write(chunk[: archive.length_bytes + 1 - out.tell()])
            on_bytes(len(chunk))
            if out.tell() > archive.length_bytes:
                return


def _check(file: Path, *, pack: str, archive: Archive) -> None:
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != archive.sha256:
        length = file.stat().st_size
        raise PackNotFound(
            pack,
            f"the download is not its archive: SHA-256 {found} instead of {archive.sha256} "
            f"({length} bytes instead of {archive.length_bytes}). It was deleted. Try again; if "
            "this happens twice, something on the network replaces the file",
        )


def _unpack(file: Path, folder: Path, *, pack: str) -> None:
    """Unpack all members; none may be a link or lie outside `folder`."""
    with ZipFile(file) as opened:
        members = opened.infolist()
        for member in members:
            if _leaves_its_folder(member):
                raise PackNotFound(
                    pack, f"a member of its archive leaves the folder: {member.filename}"
                )
        opened.extractall(folder, members)


def _leaves_its_folder(member: ZipInfo) -> bool:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    is_link = stat.S_ISLNK(member.external_attr >> 16)
    return is_link or path.is_absolute() or ".." in path.parts
