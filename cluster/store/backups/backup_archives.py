"""The file of a backup: a zip with a manifest and the rows of each table, written privately.

`manifest.json` is written last. A file without it, or with rows that differ from it, is not a
backup.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from cluster.core.decisions.backups import BadManifest, Manifest, TableCopy
from cluster.core.errors import BadBackup

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 10_000_000
DECISIONS = "decisions.json"
PIECE_BYTES = 1 << 20
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError),
    *(LookupError, TypeError, AttributeError, ValueError, ArithmeticError, AssertionError),
    MemoryError,
)
"""The errors of Python's modules for a file that is not a zip, or is a damaged or encrypted one."""

STORED = frozenset({"face", "image"})
"""Tables of vectors and pictures, which take long to compress and shrink little."""


@contextmanager
def create_private(file: Path) -> Iterator[BinaryIO]:
    """Yield a new file that only its user can read, and sync it to disk after the block."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w+b") as opened:
        yield opened
        opened.flush()
        os.fsync(opened.fileno())


def sync_folder(folder: Path) -> None:
    """Sync a folder to disk, so that its new names survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def add_member(archive: zipfile.ZipFile, name: str, *, is_stored: bool) -> Iterator[BinaryIO]:
    """Yield a new member of the archive, for writing piece by piece."""
    member = zipfile.ZipInfo(name)
    member.compress_type = zipfile.ZIP_STORED if is_stored else zipfile.ZIP_DEFLATED
    member._compresslevel = 1  # type: ignore[attr-defined]  # ZipInfo has no other way in 3.11.
    member.external_attr = 0o600 << 16
    with archive.open(member, "w", force_zip64=True) as opened:
        yield opened  # type: ignore[misc]


def add_manifest(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Add the manifest, which makes the archive complete."""
    with add_member(archive, MANIFEST, is_stored=False) as opened:
        opened.write(json.dumps(manifest.to_json(), indent=1).encode())


def table_member(table: str) -> str:
    """Return the name of the member that holds a table's rows."""
    return f"tables/{table}.copy"


class BackupFile:
    """An open backup. All of its methods raise BadBackup when the file is damaged."""

    def __init__(self, name: str, archive: zipfile.ZipFile) -> None:
        self.name, self._archive = name, archive
        self.manifest = self._read_manifest()

    def _read_manifest(self) -> Manifest:
        with told_as_bad(self.name):
            member = self._archive.getinfo(MANIFEST)
            if member.file_size > MAX_MANIFEST_BYTES:
                raise BadManifest("its manifest is too long")
            return Manifest.from_json(json.loads(self._archive.read(member)))

    def read_table(self, table: str, copy: TableCopy) -> Iterator[bytes]:
        """Yield the rows of a table, piece by piece; raise BadBackup if the digest is wrong."""
        digest, size = hashlib.sha256(), 0
        for piece in self.read_member(table_member(table)):
            size += len(piece)
            if size > copy.bytes:
                break  # A small file may unpack to more than any disk has.
            digest.update(piece)
            yield piece
        if size != copy.bytes or digest.hexdigest() != copy.sha256:
            raise BadBackup(self.name, f"it is damaged: the rows of {table} were changed.")

    def read_member(self, name: str) -> Iterator[bytes]:
        """Yield the content of a member, piece by piece."""
        with self.opened(name) as member:
            while piece := member.read(PIECE_BYTES):
                yield piece

    @contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """Open a member for reading; errors of the file within the block become BadBackup."""
        with told_as_bad(self.name), self._archive.open(name) as member:
            yield member


@contextmanager
def open_backup(file: Path) -> Iterator[BackupFile]:
    """Open a backup for reading. Raises BadBackup if it is not one, or is damaged or too new."""
    with told_as_bad(str(file)):
        archive = zipfile.ZipFile(file)
    with archive:
        yield BackupFile(str(file), archive)


def read_manifest(file: Path) -> Manifest:
    """Return the manifest of a backup. Raises BadBackup."""
    with open_backup(file) as backup:
        return backup.manifest


@contextmanager
def told_as_bad(name: str) -> Iterator[None]:
    """Replace the errors of a file that is not a complete backup with BadBackup, for users."""
    try:
        yield
    except FileNotFoundError as error:
        raise BadBackup(name, "there is no such file.") from error
    except IsADirectoryError as error:
        raise BadBackup(name, "it is a folder. Name one of the files in it.") from error
    except PermissionError as error:
        raise BadBackup(name, "it may not be read by this user.") from error
    except BadManifest as error:
        raise BadBackup(name, f"{error}.") from error
    except _DAMAGED as error:
        raise BadBackup(name, "it is not a backup of Headcount, or it is damaged.") from error
    except OSError as error:
        raise BadBackup(name, f"it cannot be read: {error.strerror or error}.") from error
