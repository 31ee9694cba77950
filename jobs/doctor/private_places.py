"""Checks the folders in use: owner, access rights, file system and free space."""

from __future__ import annotations

import os
import pwd
import re
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cluster.core.errors import UnsafeFolder
from cluster.environment import PROJECT_DIR
from cluster.private_folder import FALLBACK, LONGEST_PARENT, open_private_folder
from cluster.settings import Settings
from cluster.store.server.server_files import ServerFiles
from cluster.store.server.server_user import SYSTEM_USER
from jobs.doctor.checks import Finding, Inquiry, note, ok, problem, warning
from jobs.doctor.configuration import read_settings
from jobs.doctor.units import describe_bytes
from jobs.running.ray_files import TOKEN_FILE, ray_files

FULL_BYTES = 200_000_000
SERVER_LOG_BYTES = 2_000_000_000
"""The max_wal_size of the embedded PostgreSQL."""

FEW_INODES = 2_000
SMALL_SHM_BYTES = 200_000_000
"""Ray keeps its objects in shared memory, and uses a disk instead when that is too small."""

NETWORK = re.compile(r"nfs|cifs|smb|9p|virtiofs|afs|ceph|gluster|lustre|fuse(?!\.fuse-overlayfs)")
WITHOUT_MODES = ("vfat", "exfat", "ntfs", "ntfs3", "msdos")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or file that Headcount uses, and its requirements."""

    subject: str
    path: Path
    is_private: bool = False
    is_written: bool = False
    holds_database: bool = False
    needs_bytes: int = 0
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The properties of a path, or of the nearest existing folder above it.

    `is_reachable` tells whether other users may pass all folders above it.
    """

    exists: bool
    is_folder: bool
    mode: int
    owner: int
    kind: str
    is_read_only: bool
    is_writable: bool
    is_readable: bool
    is_reachable: bool
    free_bytes: int
    free_inodes: int | None


def check(inquiry: Inquiry) -> Iterator[Finding]:
    """Report on every folder in use."""
    settings = read_settings(inquiry).settings
    yield from check_temporary(inquiry.environment.get("TMPDIR"))
    mounts = read_mounts()
    for place in list_places(settings):
        yield from look_at(place, mounts)
    yield from check_private_folder(settings, mounts)
    yield check_shared_memory(Path("/dev/shm"))


def list_places(settings: Settings) -> list[Place]:
    """Return the folders and files that these settings use."""
    data_dir, is_embedded = settings.data_dir, settings.database_url is None
    needs = FULL_BYTES + settings.decoded_copies_bytes + SERVER_LOG_BYTES * is_embedded
    places = [Place("data_dir", data_dir, True, True, is_embedded, needs)]
    if not os.path.lexists(data_dir):
        return [*places, *_list_read_places(settings)]
    if is_embedded:
        home = data_dir / "postgres"
        places.append(Place("data_dir/postgres", home, True, True, holds_database=True))
    return [
        *places,
        Place("data_dir/ray", ray_files(data_dir), True, True),
        Place("Ray's token", ray_files(data_dir) / TOKEN_FILE, True, True, is_file=True),
        *_list_read_places(settings),
    ]


def _list_read_places(settings: Settings) -> list[Place]:
    return [Place("models_dir", settings.models_dir), Place("checkout", PROJECT_DIR)]


def look_at(place: Place, mounts: list[tuple[str, str]]) -> Iterator[Finding]:
    """Report the state of a place, and its problems."""
    try:
        found = observe(place.path, mounts)
    except OSError as error:
        cure = f"Run the doctor as the user who owns {place.path}, or set another folder."
        yield problem(place.subject, f"{place.path} cannot be checked: {error.strerror}.", cure)
        return
    troubles = list(judge(place, found))
    if not troubles:
        yield ok(place.subject, describe(place, found))
        return
    yield replace(troubles[0], says=f"{describe(place, found)}: {troubles[0].says}")
    yield from troubles[1:]


def observe(path: Path, mounts: list[tuple[str, str]]) -> Found:
    """Return the properties of `path`, or of the nearest existing folder above it."""
    there = path
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    exists = there == path
    entry, volume = there.stat(), os.statvfs(there)
    return Found(
        exists=exists,
        is_folder=stat.S_ISDIR(entry.st_mode),
        mode=stat.S_IMODE(entry.st_mode),
        owner=entry.st_uid,
        kind=find_kind(os.path.realpath(there), mounts),
        is_read_only=bool(volume.f_flag & os.ST_RDONLY),
        is_writable=os.access(there, os.W_OK | os.X_OK if there.is_dir() else os.W_OK),
        is_readable=os.access(there, os.R_OK),
        is_reachable=all(folder.stat().st_mode & 0o011 for folder in there.resolve().parents),
        free_bytes=volume.f_bavail * volume.f_frsize,
        free_inodes=volume.f_favail if volume.f_files else None,
    )


def read_mounts() -> list[tuple[str, str]]:
    """Return all mount points and their types, in the order in which they were mounted."""
    try:
        text = Path("/proc/self/mountinfo").read_text(errors="replace")
    except OSError:
        return []
    return parse_mounts(text)


def parse_mounts(text: str) -> list[tuple[str, str]]:
    """Return the mount points and types of /proc/self/mountinfo."""
    lines = [line.split(" - ") for line in text.splitlines() if " - " in line]
    return [(_plain(before.split()[4]), after.split()[0]) for before, after in lines]


def _plain(escaped: str) -> str:
    """Return a mount point with the kernel's octal escapes decoded."""
    return re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), escaped)


def find_kind(path: str, mounts: list[tuple[str, str]]) -> str:
    """Return the type of the file system of an absolute path."""
    holding = [(m, k) for m, k in mounts if path == m or path.startswith(m.rstrip("/") + "/")]
    # Of two mounts at the same place, the later one hides the earlier.
    return max(reversed(holding), key=lambda one: len(one[0]), default=("", "unknown"))[1]


def describe(place: Place, found: Found) -> str:
    """Return one line with the properties of a place."""
    if not found.exists:
        return f"{place.path}: not there yet; {describe_bytes(found.free_bytes)} free"
    free = f", {describe_bytes(found.free_bytes)} free" if place.needs_bytes else ""
    return f"{place.path}: {name_owner(found.owner)}, {found.mode:04o}, {found.kind}{free}"


def name_owner(uid: int) -> str:
    """Return the owner for a report: "yours", a system user by name, or others by their id."""
    if uid == os.geteuid():
        return "yours"
    try:
        is_system = uid < 1000 and pwd.getpwuid(uid).pw_name
    except KeyError:
        is_system = False
    return f"{is_system}'s" if is_system else f"user {uid}'s"


def judge(place: Place, found: Found) -> Iterator[Finding]:
    """Yield the problems of a place."""
    subject, path = place.subject, place.path
    if not found.is_folder and not (found.exists and place.is_file):
        says = "it is a file, not a folder." if found.exists else "a file is in its way."
        yield problem(subject, says, "Move the file away, or set another folder.")
        return
    if found.exists and place.is_written and not is_own(found.owner):
        says = f"it belongs to another user, {name_owner(found.owner).removesuffix(chr(39) + 's')}."
        yield problem(subject, says, "Run Headcount as that user, or set another data_dir.")
    if found.exists and place.is_private and found.mode & 0o077 and found.is_reachable:
        level = warning if subject == "data_dir" else problem
        says = f"others may enter or read it (mode {found.mode:04o})."
        yield level(subject, says, f"chmod go-rwx {path}")
    if found.exists and not place.is_private and found.mode & 0o002:
        says = f"everybody may write there (mode {found.mode:04o}) and change what you run."
        yield problem(subject, says, f"chmod o-w {path}")
    if not found.exists and not place.is_written:
        return
    yield from judge_use(place, found)
    if place.needs_bytes:
        yield from judge_room(place, found)


def judge_use(place: Place, found: Found) -> Iterator[Finding]:
    """Yield the problems that prevent reading or writing a place."""
    subject = place.subject
    if not found.is_readable:
        yield problem(subject, "you may not read it.", f"chmod u+rX {place.path}")
    if place.is_written and found.is_read_only:
        cure = "Mount it writable, or set another data_dir."
        yield problem(subject, "its file system is read-only.", cure)
    elif place.is_written and not found.is_writable:
        above = "it cannot be created: you may not write to the folder above."
        says = "you may not write there." if found.exists else above
        yield problem(subject, says, "Set a data_dir where you may write.")
    if place.holds_database and NETWORK.match(found.kind):
        says = f"{found.kind} is not suitable for PostgreSQL: written data may be lost."
        cure = "Set a data_dir on a disk of this machine, or a database server (database_url)."
        yield problem(subject, says, cure)
    if place.is_private and found.kind in WITHOUT_MODES:
        says = f"{found.kind} has no owners and modes, so other users can read it."
        yield problem(subject, says, "Set a data_dir on a file system of Linux, such as ext4.")


def judge_room(place: Place, found: Found) -> Iterator[Finding]:
    """Yield a problem if the disk is full, or a warning if it may become full."""
    free = describe_bytes(found.free_bytes)
    needs = describe_bytes(place.needs_bytes)
    cure = "Free disk space, lower decoded_copies_bytes, or set a data_dir on another disk."
    if found.free_bytes < FULL_BYTES:
        yield problem(place.subject, f"its disk is full: {free} left.", cure)
    elif found.free_bytes < place.needs_bytes:
        says = f"{free} are free; a session may need up to {needs}, besides its results."
        yield warning(place.subject, says, cure)
    if found.free_inodes is not None and found.free_inodes < FEW_INODES:
        says = f"only {found.free_inodes} more files can be created on its disk (inodes)."
        yield problem(place.subject, says, "Delete small files there, or set another data_dir.")


def is_own(uid: int) -> bool:
    """Tell whether `uid` is this user, or for root the user of the embedded server."""
    try:
        of_server = pwd.getpwnam(SYSTEM_USER).pw_uid
    except KeyError:
        of_server = -1
    return uid == os.geteuid() or (os.geteuid() == 0 and uid == of_server)


def check_temporary(named: str | None) -> Iterator[Finding]:
    """Report the folder of temporary files, and the one that is used instead."""
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        yield problem("TMPDIR", f"{error.strerror}", "Set TMPDIR to a folder of your own.")
        return
    if named and Path(named) != folder:
        says = f"{named} cannot be written; {folder} is used."
        yield warning("TMPDIR", says, "Set TMPDIR to an existing folder, or unset it.")
    elif len(os.fsencode(folder)) > LONGEST_PARENT:
        says = f"{folder}: too long for the sockets of Ray, which are below {FALLBACK} instead."
        yield note("TMPDIR", says)
    else:
        yield ok("TMPDIR", f"{folder}")


def check_private_folder(settings: Settings, mounts: list[tuple[str, str]]) -> Iterator[Finding]:
    """Report the private folder of temporary files, and the place of PostgreSQL's socket."""
    files = ServerFiles.under(settings.data_dir)
    try:
        folder = find_private_folder()
        if os.path.lexists(folder):
            open_private_folder()
        place = Place("temporary files", folder, True, True, needs_bytes=FULL_BYTES)
        yield from look_at(place, mounts)
        if settings.database_url is None and files.home.exists():
            where = "a link to data_dir/postgres" if files.address != files.home else "itself"
            yield ok("PostgreSQL's socket", f"in {files.address}, {where}")
    except UnsafeFolder as error:
        yield problem("temporary files", str(error))
    except OSError as error:
        yield problem("temporary files", f"{error}.", "Set TMPDIR to a folder of your own.")


def find_private_folder() -> Path:
    """Return the folder that `open_private_folder` would open, without creating it."""
    folder = Path(tempfile.gettempdir())
    parent = folder if len(os.fsencode(folder)) <= LONGEST_PARENT else FALLBACK
    return parent / f"headcount-{os.geteuid()}"


def check_shared_memory(folder: Path) -> Finding:
    """Report how much shared memory there is for Ray's objects."""
    try:
        volume = os.statvfs(folder)
    except OSError as error:
        return warning(str(folder), f"{error.strerror}; Ray uses a disk instead, which is slow.")
    total, free = (volume.f_frsize * n for n in (volume.f_blocks, volume.f_bavail))
    says = f"{describe_bytes(total)}, {describe_bytes(free)} free"
    if free < SMALL_SHM_BYTES:
        cure = "In a container: docker run --shm-size=2g."
        return warning(str(folder), f"{says}; Ray uses a disk instead, which is slow.", cure)
    return ok(str(folder), says)
