"""Walks the folders of this machine. Each entry is a photo, is entered, or is passed over."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cluster.core.files.listings import to_int64
from cluster.core.files.passed_over import PassedOver, PassedOverKind
from cluster.core.files.paths import MAX_PATH_CHARACTERS, path_to_text
from cluster.core.files.suffixes import (
    NO_MEDIA,
    find_kind_of_folder,
    find_kind_of_name,
    is_film_name,
    is_hidden,
    is_photo_name,
)
from cluster.core.pictures.photos import FoundPhoto
from cluster.vision.sources.file_kinds import find_film_format, find_kind
from cluster.vision.sources.headers import HEAD_BYTES

_KERNELS_OWN = ("/proc", "/sys", "/dev")
_KINDS_OF_ERRORS = {
    errno.ENAMETOOLONG: PassedOverKind.PATH_TOO_LONG,
    errno.ENOENT: PassedOverKind.FILE_GONE,
    errno.ENOTDIR: PassedOverKind.FILE_GONE,
}
_DEAD = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def resolve_folders(folders: Sequence[Path] | None) -> list[str] | None:
    """Return the real paths of folders; None stays None."""
    return None if folders is None else [os.path.realpath(folder) for folder in folders]


def is_inside(path: str, allowed: Sequence[str] | None) -> bool:
    """Tell whether the real path is in one of the `allowed` folders; None allows all."""
    if allowed is None:
        return True
    target = os.path.realpath(path)
    return any(_lies_in(target, root) for root in allowed)


def _lies_in(real: str, root: str) -> bool:
    return os.path.commonpath([real, root]) == root


@dataclass
class FolderWalk:
    """One walk over the folder `top`; `allowed` are the real folders that links may not leave.

    With `takes_films` false, films are passed over. The memory of the walk grows with the number of
    folders, not with that of files.
    """

    top: str
    allowed: Sequence[str] | None
    on_entry: Callable[[], None]
    passed_over: PassedOver
    takes_films: bool = True
    _waiting: list[str] = field(default_factory=list)
    _entered: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._real_top = os.path.realpath(self.top)
        self._kernels_own = _find_kernels_own()
        self._come_to = {self._real_top: True}

    def walk(self) -> Iterator[FoundPhoto]:
        """Yield every photo once, in no particular order; count everything else."""
        self._waiting.append(self.top)
        while self._waiting:
            folder = self._waiting.pop()
            if not is_inside(folder, self.allowed):  # It has become a link since it was listed.
                self.passed_over.note(PassedOverKind.LINK_OUT)
                continue
            for entry in self._list(folder):
                self.on_entry()
                found = self._meet(entry)
                if found is not None:
                    yield found

    def _list(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            kind = self._find_kind_of_place(folder)
            if kind is not None:
                self.passed_over.note(kind)
                return
            with os.scandir(folder) as entries:
                yield from entries
        except OSError as error:
            is_long = error.errno == errno.ENAMETOOLONG
            kind = PassedOverKind.PATH_TOO_LONG if is_long else PassedOverKind.FOLDER_UNLISTED
            self.passed_over.note_unlisted(path_to_text(folder), kind)

    def _find_kind_of_place(self, folder: str) -> PassedOverKind | None:
        status = os.stat(folder)
        if status.st_dev in self._kernels_own:
            return PassedOverKind.KERNEL
        if (status.st_dev, status.st_ino) in self._entered:
            return PassedOverKind.FOLDER_AGAIN
        self._entered.add((status.st_dev, status.st_ino))
        is_marked = folder != self.top and os.path.lexists(os.path.join(folder, NO_MEDIA))
        return PassedOverKind.MARKED_FOLDER if is_marked else None

    def _meet(self, entry: os.DirEntry[str]) -> FoundPhoto | None:
        """Return a photo; queue a folder for the walk, and count anything else."""
        try:
            kind = self._find_kind(entry)
            if kind is not None:
                self.passed_over.note(kind)
            elif entry.is_dir():
                self._waiting.append(entry.path)
            else:
                return self._take(entry)
        except OSError as error:
            self._note_error(entry, error)
        return None

    def _note_error(self, entry: os.DirEntry[str], error: OSError) -> None:
        known = _KINDS_OF_ERRORS.get(error.errno or 0)
        if entry.is_symlink() and error.errno in _DEAD:
            self.passed_over.note(PassedOverKind.LINK_DEAD)
        elif known is not None:
            self.passed_over.note(known)
        else:
            kind = PassedOverKind.FILE_UNREADABLE
            self.passed_over.note_unlisted(path_to_text(entry.path), kind)

    def _find_kind(self, entry: os.DirEntry[str]) -> PassedOverKind | None:
        """Return why an entry is passed over; None for a photo, or a folder to walk."""
        if is_hidden(entry.name):
            is_folder = entry.is_dir(follow_symlinks=False)
            return PassedOverKind.HIDDEN_FOLDER if is_folder else PassedOverKind.HIDDEN_FILE
        if entry.is_symlink():
            if not is_inside(entry.path, self.allowed):
                return PassedOverKind.LINK_OUT
            if (kind := self._find_kind_of_link(entry)) is not None:
                return kind
        if entry.is_dir():
            parent = os.path.basename(os.path.dirname(entry.path))
            return find_kind_of_folder(entry.name, parent=parent)
        if not entry.is_file():
            entry.stat()  # Raises if it is gone.
            return PassedOverKind.SPECIAL
        return self._find_kind_of_file(entry.name, entry.path)

    def _find_kind_of_link(self, entry: os.DirEntry[str]) -> PassedOverKind | None:
        """Return why a link is not followed, or None.

        A link is not followed into the kernel's file systems, or if the walk reaches its target
        anyway.
        """
        if entry.stat().st_dev in self._kernels_own:
            return PassedOverKind.KERNEL
        target = os.path.realpath(entry.path)
        if entry.is_dir():
            return PassedOverKind.FOLDER_AGAIN if self._comes_to(target) else None
        folder, name = os.path.split(target)
        if not entry.is_file() or is_hidden(name) or not self._comes_to(folder):
            return None
        # A link may have the suffix of a photo while its target has another.
        is_photo_by_link = self._find_kind_of_file(entry.name, target) is None
        is_counted = not is_photo_by_link or self._find_kind_of_file(name, target) is None
        return PassedOverKind.LINK_AGAIN if is_counted else None

    def _comes_to(self, folder: str) -> bool:
        """Tell whether the walk reaches a real folder without following a link.

        The answer does not depend on the order in which folders are listed, so a photo has the same
        path in each run.
        """
        unknown = []
        while folder not in self._come_to and _lies_in(folder, self._real_top):
            unknown.append(folder)
            folder = os.path.dirname(folder)
        comes = self._come_to.get(folder, False)
        for inner in reversed(unknown):
            comes = comes and _is_walked(inner)
            self._come_to[inner] = comes
        return comes

    def _find_kind_of_file(self, name: str, path: str) -> PassedOverKind | None:
        """Return why a regular file is passed over, by its name or else by its content.

        None for a photo, and for a film if films are taken.
        """
        if is_photo_name(name) or (self.takes_films and is_film_name(name)):
            return None
        if (kind := find_kind_of_name(name)) is not None:
            return kind
        head = _read_head(path)
        is_film = self.takes_films and find_film_format(head) is not None
        return None if is_film else find_kind(head)

    def _take(self, entry: os.DirEntry[str]) -> FoundPhoto | None:
        path = path_to_text(entry.path)
        if len(path) > MAX_PATH_CHARACTERS:
            self.passed_over.note(PassedOverKind.PATH_TOO_LONG)
            return None
        try:
            status = entry.stat()
        except OSError as error:
            if error.errno in _KINDS_OF_ERRORS:
                raise
            return FoundPhoto(path, None, None)
        return FoundPhoto(path, to_int64(status.st_size), to_int64(status.st_mtime_ns))


def _find_kernels_own() -> frozenset[int]:
    """Return the devices of the kernel's file systems, without the device of the root folder."""
    devices = {os.stat(path).st_dev for path in _KERNELS_OWN if os.path.isdir(path)}
    return frozenset(devices - {os.stat("/").st_dev})


def _is_walked(folder: str) -> bool:
    parent, name = os.path.split(folder)
    return (
        find_kind_of_folder(name, parent=os.path.basename(parent)) is None
        and not os.path.lexists(os.path.join(folder, NO_MEDIA))
        and os.access(folder, os.R_OK | os.X_OK)
    )


def _read_head(path: str) -> bytes:
    # Without O_NONBLOCK, opening a file that has become a pipe would wait forever for a writer.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return file.read(HEAD_BYTES) if is_regular else b""
