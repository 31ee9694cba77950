"""All errors that Headcount itself raises.

HeadcountError
├── BadSetting                 a setting is unknown or its value is wrong
├── BadRoot                    the folder or URL to index cannot be used
│   ├── RootNotFound
│   ├── RootEmpty
│   ├── RootUnreachable
│   └── RootNotAllowed
├── UnreadableImage            the content of one photo cannot be turned into pixels
│   └── UnreachableImage       its bytes cannot be read (gone, no permission, dead mount)
├── UnreadableXmp              an XMP packet cannot be read, or regions cannot be put into it
├── PackNotFound               a pack of face models is named, but its files are missing
├── NotFound                   no session, photo, face or person has this id
├── IllegalMove                a session cannot make this move from its status
│   └── NothingFailed          no photo failed, so there is nothing to retry
├── SameSession                a session cannot be compared with itself
├── SessionBusy                another process runs this session
│   └── SessionRunning         the session runs, and must be cancelled first
├── StaleVersion               a person was changed since the client read it
├── NameTaken                  another person of the pack has this name
├── NamesDiffer                two people cannot be merged: they have different names
├── FacesElsewhere             faces are no longer with the person that the client saw
├── NotLastChange              a change to people is not the last one, and cannot be undone
├── ImpossibleChange           a change to people is contradictory, such as a merge with itself
├── BadExport                  a file of exported decisions cannot be imported or written
├── PhaseFailed                a phase could not go on
├── DatabaseUnavailable        PostgreSQL cannot be reached or started
│   └── DatabaseDiskFull       its disk is full
├── DatabaseUnusable           the database answers, but this version cannot use its content
├── BackupFailed               a backup could not be made, or was not proved
│   └── BackupBusy             another backup or restore of this database is running
├── BadBackup                  a file cannot be restored: it is no backup, damaged, or too new
├── RayUnavailable             Ray cannot be reached or started
│   └── RayChanged             this version of Ray lacks a private name that Headcount needs
├── UnsafeFolder               a folder that must belong to this user alone does not
└── InvariantBroken            the law of progress does not hold: a defect in Headcount

The message of an error is a sentence that names the thing and, where there is one, the remedy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cluster.core.identity.people import PersonSummary


class HeadcountError(Exception):
    """An error that Headcount raises on purpose; it keeps its attributes between processes."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    kind: type[HeadcountError], arguments: tuple[Any, ...], evidence: dict[str, Any]
) -> HeadcountError:
    error = kind.__new__(kind)
    error.args = arguments
    error.__dict__.update(evidence)
    return error


class BadSetting(HeadcountError):
    """A setting is unknown, or its value cannot be used."""

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(f"Setting {setting}: {reason}")
        self.setting, self.reason = setting, reason


class BadRoot(HeadcountError):
    """The folder or URL to index cannot be used."""

    def __init__(self, root: str, reason: str) -> None:
        super().__init__(f"{root}: {reason}")
        self.root, self.reason = root, reason


class RootNotFound(BadRoot):
    """There is no such folder."""


class RootEmpty(BadRoot):
    """The folder holds no photo."""


class RootUnreachable(BadRoot):
    """The storage that holds the folder does not answer."""

    def __init__(self, root: str, timeout_s: float) -> None:
        cure = "Is the server or the disk behind it away? Try again when it is back."
        super().__init__(root, f"no answer for {timeout_s:g} seconds. {cure}")


class RootNotAllowed(BadRoot):
    """The folder lies outside the roots that may be indexed over HTTP."""


class UnreadableImage(HeadcountError):
    """The content of one photo cannot be turned into pixels.

    Reading the same content again gives the same error.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class UnreachableImage(UnreadableImage):
    """The bytes of one photo cannot be read now; a later try may succeed."""


class UnreadableXmp(HeadcountError):
    """An XMP packet cannot be read, or regions cannot be put into it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The XMP cannot be used: {reason}")
        self.reason = reason


class PackNotFound(HeadcountError):
    """A pack of face models is named, but its files are not on this machine."""

    def __init__(self, pack: str, reason: str) -> None:
        super().__init__(f"Pack {pack}: {reason}")
        self.pack, self.reason = pack, reason


class NotFound(HeadcountError):
    """Nothing of this kind has this id."""

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"There is no {kind} {key}.")
        self.kind, self.key = kind, key


class IllegalMove(HeadcountError):
    """A session cannot make this move from its status; `legal` are the moves that it can make."""

    def __init__(self, *, status: str, move: str, legal: Iterable[str]) -> None:
        self.status, self.move, self.legal = status, move, tuple(sorted(legal))
        choices = ", ".join(self.legal) or "none"
        super().__init__(f"A session that is {status} cannot {move}; legal moves: {choices}.")


class NothingFailed(IllegalMove):
    """No photo failed, so there is nothing to try again."""

    def __init__(self, *, status: str, move: str, legal: Iterable[str]) -> None:
        super().__init__(status=status, move=move, legal=legal)
        choices = ", ".join(self.legal) or "none"
        self.args = (f"No photo failed: there is nothing to try again; legal moves: {choices}.",)


class SameSession(HeadcountError):
    """A session cannot be compared with itself."""

    def __init__(self, session_id: int) -> None:
        super().__init__(f"Session {session_id} cannot be compared with itself; name another one.")
        self.session_id = session_id


class SessionBusy(HeadcountError):
    """Another process is running this session."""

    def __init__(self, session_id: int) -> None:
        super().__init__(f"Session {session_id} is being run by another process.")
        self.session_id = session_id


class StaleVersion(HeadcountError):
    """A person was changed since the client read it; `current` is its present state."""

    def __init__(self, current: PersonSummary) -> None:
        super().__init__(f"Person {current.id} was changed in the meantime; read it again.")
        self.current = current


class NameTaken(HeadcountError):
    """Another person of the pack has this name; the two may be one."""

    def __init__(self, other: PersonSummary) -> None:
        super().__init__(f"Person {other.id} is called {other.name}; are they the same?")
        self.other = other


class NamesDiffer(HeadcountError):
    """Two people with different names are merged, and the request does not say which name stays."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"The people are named {' and '.join(self.names)}. Which name stays?")


class FacesElsewhere(HeadcountError):
    """Faces no longer belong to the person, or are no longer ungrouped, as the client saw them."""

    def __init__(self, face_ids: Iterable[int]) -> None:
        self.face_ids = tuple(sorted(face_ids))
        super().__init__(f"Faces were moved or deleted in the meantime: {len(self.face_ids)}.")


class NotLastChange(HeadcountError):
    """Only the last change to the people of a pack can be undone, and only once."""

    def __init__(self, change_id: int) -> None:
        super().__init__(f"Change {change_id} is not the last one, or was undone already.")
        self.change_id = change_id


class ImpossibleChange(HeadcountError):
    """A change to people is contradictory; the message says how."""


class SessionRunning(SessionBusy):
    """A session that runs cannot be erased."""

    def __init__(self, session_id: int) -> None:
        super().__init__(session_id)
        self.args = (f"Session {session_id} is running; cancel it first.",)


class BadExport(HeadcountError):
    """A file of exported decisions cannot be imported or written; nothing was changed."""

    def __init__(
        self,
        place: str,
        reason: str,
        *,
        cure: str = "Nothing was imported. Export again, or import another file.",
    ) -> None:
        super().__init__(f"{place}: {reason}. {cure}")
        self.place, self.reason = place, reason


class PhaseFailed(HeadcountError):
    """A phase could not go on; the message is what the user reads."""


class DatabaseUnavailable(HeadcountError):
    """PostgreSQL cannot be reached, or could not be started."""

    trouble = "database unreachable"
    """The text that users see while a process waits for the database."""


class DatabaseDiskFull(DatabaseUnavailable):
    """The disk of PostgreSQL is full."""

    trouble = "the disk of the database is full"


class DatabaseUnusable(HeadcountError):
    """PostgreSQL answers, but this version cannot use its content; waiting does not help."""


class BackupFailed(HeadcountError):
    """A backup could not be made, or the restored copy was not equal; earlier backups stay."""


class BackupBusy(BackupFailed):
    """Another process is making or restoring a backup of this database."""


class BadBackup(HeadcountError):
    """A file cannot be restored."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file} cannot be restored: {reason}")
        self.file, self.reason = file, reason


class RayUnavailable(HeadcountError):
    """Ray cannot be reached, or could not be started; the message says what to do."""


class RayChanged(RayUnavailable):
    """The installed Ray lacks a private name that `cluster/ray_internals.py` needs."""

    def __init__(self, version: str, missing: str) -> None:
        super().__init__(
            f"Ray {version} is not the Ray that Headcount was built for: {missing}. "
            "Install the versions of requirements/cpu.txt."
        )


class UnsafeFolder(HeadcountError):
    """A folder that must belong to this user alone belongs to others too."""

    def __init__(self, folder: object, reason: str) -> None:
        cure = "Remove it, or set TMPDIR to a folder of your own."
        super().__init__(f"The temporary folder {folder} is not safe to use: {reason}. {cure}")
        self.folder, self.reason = folder, reason


class InvariantBroken(HeadcountError):
    """The law of progress does not hold; the message names the counts or rows."""
