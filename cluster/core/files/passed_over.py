"""Counts by kind the files and folders that discovery passes over, so that all are reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class PassedOverKind(StrEnum):
    """Why a file or a folder is passed over. Messages name the kinds in this order."""

    RAW = "raw"
    FILM = "film"
    SIDECAR = "sidecar"
    AUDIO = "audio"
    DOCUMENT = "document"
    ARCHIVE = "archive"
    UNFINISHED = "unfinished"
    OTHER = "other"
    HIDDEN_FILE = "hidden_file"
    HIDDEN_FOLDER = "hidden_folder"
    PROGRAM_FOLDER = "program_folder"
    MARKED_FOLDER = "marked_folder"
    LINK_OUT = "link_out"
    LINK_AGAIN = "link_again"
    LINK_DEAD = "link_dead"
    LINK_IN_STORE = "link_in_store"
    FOLDER_AGAIN = "folder_again"
    SPECIAL = "special"
    KERNEL = "kernel"
    OUTSIDE = "outside"
    NAME_REFUSED = "name_refused"
    FILE_GONE = "file_gone"
    FILE_UNREADABLE = "file_unreadable"
    FOLDER_UNLISTED = "folder_unlisted"
    PATH_TOO_LONG = "path_too_long"


_WORDS: dict[PassedOverKind, tuple[str, str]] = {
    PassedOverKind.RAW: ("raw photo", "raw photos"),
    PassedOverKind.FILM: ("film", "films"),
    PassedOverKind.SIDECAR: ("sidecar", "sidecars"),
    PassedOverKind.AUDIO: ("sound recording", "sound recordings"),
    PassedOverKind.DOCUMENT: ("document", "documents"),
    PassedOverKind.ARCHIVE: ("archive", "archives"),
    PassedOverKind.UNFINISHED: ("unfinished file", "unfinished files"),
    PassedOverKind.OTHER: ("file of another kind", "files of other kinds"),
    PassedOverKind.HIDDEN_FILE: ("hidden file", "hidden files"),
    PassedOverKind.HIDDEN_FOLDER: ("hidden folder", "hidden folders"),
    PassedOverKind.PROGRAM_FOLDER: (
        "folder that a program keeps for itself",
        "folders that programs keep for themselves",
    ),
    PassedOverKind.MARKED_FOLDER: ("folder with a .nomedia file", "folders with a .nomedia file"),
    PassedOverKind.LINK_OUT: (
        "link that leads out of the allowed folders",
        "links that lead out of the allowed folders",
    ),
    PassedOverKind.LINK_AGAIN: (
        "link to a file that is found elsewhere",
        "links to files that are found elsewhere",
    ),
    PassedOverKind.LINK_DEAD: ("link that goes nowhere", "links that go nowhere"),
    PassedOverKind.LINK_IN_STORE: ("link within a store", "links within a store"),
    PassedOverKind.FOLDER_AGAIN: ("folder already visited", "folders already visited"),
    PassedOverKind.SPECIAL: ("pipe, socket or device", "pipes, sockets or devices"),
    PassedOverKind.KERNEL: (
        "file or folder of the kernel's own",
        "files or folders of the kernel's own",
    ),
    PassedOverKind.OUTSIDE: ("address outside the root", "addresses outside the root"),
    PassedOverKind.NAME_REFUSED: (
        "name that can be read in two ways",
        "names that can be read in two ways",
    ),
    PassedOverKind.FILE_GONE: ("file that has gone", "files that have gone"),
    PassedOverKind.FILE_UNREADABLE: (
        "file that could not be looked at",
        "files that could not be looked at",
    ),
    PassedOverKind.FOLDER_UNLISTED: (
        "folder that could not be listed",
        "folders that could not be listed",
    ),
    PassedOverKind.PATH_TOO_LONG: ("path too long", "paths too long"),
}


@dataclass(slots=True)
class PassedOver:
    """The files and folders that one walk passed over.

    `unlisted` holds the paths of folders that could not be listed, and of files without a known
    suffix that could not be opened, in the form of FoundPhoto. Known photos in them do not count as
    gone.
    """

    counts: Counter[PassedOverKind] = field(default_factory=Counter)
    unlisted: list[str] = field(default_factory=list)

    def note(self, kind: PassedOverKind) -> None:
        """Count one more of a kind."""
        self.counts[kind] += 1

    def note_unlisted(self, place: str, kind: PassedOverKind) -> None:
        """Count a folder or file that could not be opened, and keep its path."""
        self.note(kind)
        self.unlisted.append(place)

    def to_json(self) -> dict[str, int]:
        """Return the counts by the names of their kinds; kinds that did not occur are left out."""
        counted = dict(self.counts)  # Copied in one step: another thread may still count.
        return {str(kind): counted[kind] for kind in PassedOverKind if counted.get(kind)}

    @classmethod
    def from_json(cls, counts: Mapping[str, int]) -> PassedOver:
        """Return the counts that `to_json` wrote; an unknown kind counts as OTHER."""
        passed_over = cls()
        for name, count in counts.items():
            is_known = name in PassedOverKind.__members__.values()
            kind = PassedOverKind(name) if is_known else PassedOverKind.OTHER
            passed_over.counts[kind] += count
        return passed_over


def describe_passed_over(counts: Mapping[PassedOverKind, int]) -> str:
    """Return the counts in words ("5 raw photos, 1 film") in the order of PassedOverKind."""
    said = [(counts[kind], *_WORDS[kind]) for kind in PassedOverKind if counts.get(kind, 0) > 0]
    return ", ".join(f"{count:,} {one if count == 1 else many}" for count, one, many in said)
