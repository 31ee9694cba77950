"""Writes the named faces of a library as XMP: into a folder of sidecars, or where a user asks.

A file whose content would not change is not written. In a packet of another program, only the face
regions are replaced.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cluster.core.errors import UnreadableImage, UnreadableXmp
from cluster.core.files.paths import is_url, path_to_text, text_to_path
from cluster.core.xmp.packet_elements import MAX_PACKET_BYTES
from cluster.core.xmp.region_writing import Edited, edit_packet, is_own_packet, write_packet
from cluster.core.xmp.sidecar_names import SUFFIX, find_stem, list_sidecars
from cluster.store.people.named_faces import NamedFile
from cluster.vision.photos.metadata_writing import Written, check_replaceable, replace_file
from cluster.vision.photos.xmp_packets import find_packet, put_packet
from cluster.vision.relations.jpeg_contents import list_jpeg_parts
from cluster.vision.sources.photo_bytes import read_photo

JPEG = b"\xff\xd8"


class Target(StrEnum):
    """The place where names are written."""

    FOLDER = "folder"
    BESIDE = "beside"
    INTO = "into"


@dataclass
class WriteReport:
    """The result of writing: numbers of files, names of other programs that stay, and failures.

    `written` files are new or changed, `unchanged` files had the right content, and `removed`
    sidecars of our own named nobody any more. `kept` holds files with a name, and `failed` files
    with a reason.
    """

    counts: Counter[str] = field(default_factory=Counter)
    kept: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


Note = Callable[[NamedFile, bytes, Written], None]
"""Records the new SHA-256, size and time of a photo that was written to."""


@dataclass(frozen=True)
class LibraryWriter:
    """Writes the files of one library.

    `folder` holds the sidecars of this library. `stems` counts the photos by their names without
    the suffix, because several may share a sidecar.
    """

    root: str
    target: Target
    folder: str | None
    stems: Counter[str]
    report: WriteReport
    replaces_names: bool = False
    note: Note = lambda file, sha256, written: None

    def write(self, files: Sequence[NamedFile]) -> None:
        """Write all files, one after the other; a failure is recorded and does not stop the
        others.
        """
        work = {
            Target.FOLDER: self._write_mirrored,
            Target.BESIDE: self._write_beside,
            Target.INTO: self._write_into,
        }[self.target]
        for file in files:
            try:
                outcome = work(file)
            except (UnreadableXmp, UnreadableImage) as error:
                self.report.failed.append((file.path, error.reason))
                continue
            except OSError as error:
                self.report.failed.append((file.path, error.strerror or str(error)))
                continue
            if outcome is not None:
                self.report.counts[outcome] += 1

    def _write_mirrored(self, file: NamedFile) -> str | None:
        relative = text_to_path(file.path)[len(text_to_path(self.root).rstrip("/")) + 1 :]
        if self.folder is None or ".." in relative.split("/"):
            raise UnreadableXmp("its path leaves the library")
        place = os.path.join(self.folder, relative + SUFFIX)
        self._check_in_folder(place)
        return self._write_sidecar(file, path_to_text(place), makes_folder=True)

    def _check_in_folder(self, place: str) -> None:
        """Raise UnreadableXmp when links below the folder of sidecars lead somewhere else.

        Such a link could lead to the photos, where nothing is written unless the user asks for it.
        """
        top, name = os.path.split((self.folder or "").rstrip("/"))
        below = os.path.relpath(os.path.dirname(place), top)
        if os.path.realpath(os.path.dirname(place)) != os.path.join(os.path.realpath(top), below):
            raise UnreadableXmp(f"a link in {name} leads out of the folder of sidecars")

    def _write_beside(self, file: NamedFile) -> str | None:
        if is_url(file.path):
            raise UnreadableXmp("nothing is written into a store behind a URL")
        place = self._choose_sidecar(file.path)
        return self._write_sidecar(file, place, makes_folder=False)

    def _choose_sidecar(self, path: str) -> str:
        """Return the path of the existing sidecar or of a new one; never of a shared one."""
        is_shared = self.stems[find_stem(path)] > 1
        own = [one for one in list_sidecars(path, is_url=False) if one.startswith(path + ".")]
        places = own if is_shared else list_sidecars(path, is_url=False)
        there = (one for one in places if os.path.lexists(text_to_path(one)))
        return next(there, path + SUFFIX)

    def _write_sidecar(self, file: NamedFile, place: str, *, makes_folder: bool) -> str | None:
        path = text_to_path(place)
        before = read_photo(place, max_bytes=MAX_PACKET_BYTES) if os.path.lexists(path) else None
        if before is None and not file.regions:
            return None
        if before is not None and is_own_packet(before):
            if not file.regions:
                Path(path).unlink()
                return "removed"
            edited = Edited(write_packet(file.regions, file.picture))
        else:
            edited = self._edit(file, before)
        if edited.packet == before:
            return "unchanged"
        if makes_folder:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        if before is not None:
            replace_file(path, edited.packet, like=check_replaceable(path))
        else:
            mode = None if makes_folder else os.stat(text_to_path(file.path)).st_mode
            replace_file(path, edited.packet, mode=mode)
        return "written"

    def _edit(self, file: NamedFile, before: bytes | None) -> Edited:
        """Return the packet with our regions; record the names of other programs that stay."""
        if before is None:
            return Edited(write_packet(file.regions, file.picture))
        if not file.regions:
            return Edited(before)
        edited = edit_packet(before, file.regions, file.picture, replaces_names=self.replaces_names)
        self.report.kept += [(file.path, name) for name in edited.kept]
        return edited

    def _write_into(self, file: NamedFile) -> str | None:
        if not file.regions:
            return None
        if is_url(file.path):
            raise UnreadableXmp("nothing is written into a store behind a URL")
        path = text_to_path(file.path)
        status = check_replaceable(path)
        data = read_photo(file.path)
        if hashlib.sha256(data).digest() != file.sha256:
            raise UnreadableXmp("the photo has changed since a session read it")
        if not data.startswith(JPEG):
            raise UnreadableXmp("only a JPEG is written into; other photos get sidecars")
        packet = find_packet(data)
        edited = self._edit(file, packet)
        if edited.packet == packet:
            return "unchanged"
        after = put_packet(data, edited.packet)
        if list_jpeg_parts(after) != list_jpeg_parts(data):
            raise UnreadableXmp("its picture would not stay the same")
        written = replace_file(path, after, like=status)
        self.note(file, hashlib.sha256(after).digest(), written)
        return "written"
