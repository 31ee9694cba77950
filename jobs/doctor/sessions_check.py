"""Checks the database and its last sessions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial

from cluster.core.errors import HeadcountError, RootUnreachable
from cluster.core.files.paths import is_url, text_to_path
from cluster.core.sessions import SessionStatus
from cluster.settings import Settings, without_password
from cluster.store.condition import (
    Condition,
    EmbeddedState,
    describe_server,
    look_at_embedded,
    read_condition,
)
from cluster.store.database.engine import build_engine
from cluster.store.server.embedded import start_embedded, stop_embedded
from cluster.store.server.server_files import ServerFiles
from cluster.store.server.server_switch import list_kept
from cluster.store.sessions.notification_rows import NotificationInfo
from cluster.store.sessions.session_rows import SessionInfo
from cluster.vision.sources.library_walk import ask_storage
from jobs.doctor.checks import Finding, Inquiry, note, ok, problem, warning
from jobs.doctor.configuration import read_settings
from jobs.doctor.privacy import HIDDEN, describe_error
from jobs.doctor.processes import find_holders
from jobs.doctor.units import count_nouns, describe_bytes

SESSIONS = 5
ROOT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Library:
    """The `condition` of the database, or the `error` that prevented reading it.

    Both are None when the database was not read.
    """

    condition: Condition | None = None
    error: str | None = None


@cache
def read_library(inquiry: Inquiry) -> Library:
    """Return the condition of the database; an embedded server is started for it, and stopped.

    Without a library, nothing is created. No table is upgraded.
    """
    settings = read_settings(inquiry).settings
    is_embedded = settings.database_url is None
    if inquiry.is_offline or (is_embedded and not look_at_embedded(settings.data_dir).is_made):
        return Library()
    try:
        with opened(settings) as url:
            engine = build_engine(url)
            try:
                return Library(read_condition(engine, sessions=SESSIONS))
            finally:
                engine.dispose()
    except HeadcountError as error:
        return Library(error=str(error))


@contextmanager
def opened(settings: Settings) -> Iterator[str]:
    """Yield the database's URL; an embedded one is stopped afterwards unless others use it."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    url = start_embedded(settings.data_dir)
    try:
        yield url
    finally:
        stop_embedded(settings.data_dir)


def check_database(inquiry: Inquiry) -> Iterator[Finding]:
    """Report where the database is, whether it answers, and its condition."""
    settings = read_settings(inquiry).settings
    if settings.database_url is None:
        yield from check_embedded(settings)
    else:
        yield check_url(settings.database_url.get_secret_value())
    library = read_library(inquiry)
    if inquiry.is_offline:
        yield note("asked", "not asked: --offline")
    if library.error is not None:
        yield problem("answers", library.error, cure_of(settings))
    if library.condition is not None:
        yield from judge_condition(library.condition)


def check_embedded(settings: Settings) -> Iterator[Finding]:
    """Report the state of the embedded server, without starting it."""
    files = ServerFiles.under(settings.data_dir)
    state = look_at_embedded(settings.data_dir)
    if not state.is_made:
        yield note("server", "embedded; there is no library yet: the first session creates it.")
        return
    says = f"embedded, in {files.home}; {'it runs' if state.is_running else 'it does not run'}"
    users = find_holders(files.use_lock)
    if users:
        says += f", for {count_nouns(len(users), 'user')}: process {', '.join(map(str, users))}"
    yield ok("server", says)
    yield from judge_watch(state)
    for folder in list_kept(files):
        says = f"{folder}, of an earlier PostgreSQL, is kept after an upgrade."
        cure = "If everything works: python -m jobs.upgrade_database --confirm"
        yield note("old database", says, cure)


def judge_watch(state: EmbeddedState) -> Iterator[Finding]:
    """Report whether a process will stop the server if its users are killed."""
    if state.is_running and not state.is_watched:
        says = "its watch process is gone: the server would keep running if its users are killed."
        yield warning("watch", says, "No action is needed: the next command starts another.")
    elif state.is_running:
        yield ok("watch", "a process stops the server when it has no user")


def check_url(database_url: str) -> Finding:
    """Report which external server is set."""
    try:
        return ok("server", f"external: {describe_server(database_url)}")
    except HeadcountError as error:
        return problem("server", str(error), "Correct HEADCOUNT_DATABASE_URL.")


def cure_of(settings: Settings) -> str:
    """Return what to do about a database that does not answer."""
    if settings.database_url is not None:
        return "Is the server up and reachable from here? HEADCOUNT_DATABASE_URL names it."
    home = ServerFiles.under(settings.data_dir).home
    return (
        f"Its log is {home / 'log'}. Copy {home} before you change anything there. If it is "
        "damaged, restore a backup, or move it away to start with an empty one."
    )


def judge_condition(condition: Condition) -> Iterator[Finding]:
    """Report the size, extension, tables and clients of a database that answers."""
    size = describe_bytes(condition.size_bytes)
    counted = "".join(f", {number:,} {name}" for name, number in condition.rows.items())
    yield ok("answers", f"PostgreSQL {condition.version}, {size}{counted}")
    if condition.pgvector is None and condition.revision is None:
        cure = "Install pgvector on the server; the first session creates the extension."
        yield note("pgvector", "not created in this database yet.", cure)
    elif condition.pgvector is None:
        yield problem(
            "pgvector", "it is missing.", "Run CREATE EXTENSION vector; in this database."
        )
    else:
        yield ok("pgvector", condition.pgvector)
    yield judge_revision(condition)
    total = sum(condition.clients.values())
    named = ", ".join(f"{name} {number}" for name, number in condition.clients.items())
    says = f"{total} of {condition.most_clients}{f' ({named})' if named else ''}"
    if total > 0.9 * condition.most_clients:
        yield warning("clients", says, "Raise max_connections, or end some of them.")
    else:
        yield ok("clients", says)


def judge_revision(condition: Condition) -> Finding:
    """Report whether the tables belong to this version."""
    found, newest = condition.revision, condition.newest_revision
    if found is None:
        return note("tables", "none yet: the first session creates them.")
    if condition.is_current:
        return ok("tables", f"revision {found}, the newest that this version knows")
    if found.isdigit() and found < newest:
        return note("tables", f"revision {found}; the next session upgrades them to {newest}.")
    if found.isdigit():
        says = f"revision {found}, of a newer Headcount; this one knows {newest}."
        cure = "Use that version or a later one, or set another data_dir or database_url."
        return problem("tables", says, cure)
    says = f"revision {found}, which no version of Headcount wrote."
    return problem("tables", says, "Restore a backup.")


def check_sessions(inquiry: Inquiry) -> Iterator[Finding]:
    """Report the last sessions, whether their folders are there, and the space for another one."""
    library, settings = read_library(inquiry), read_settings(inquiry).settings
    condition = library.condition
    if condition is None and (library.error is not None or inquiry.is_offline):
        yield note("sessions", "unknown: the database was not asked, or did not answer.")
        return
    if condition is None or not condition.last_sessions:
        yield note("sessions", "none yet")
        return
    for session in condition.last_sessions:
        yield from judge_session(session, condition, shows_paths=inquiry.shows_paths)
        yield from check_root(session, inquiry)
    yield from map(judge_unsent, condition.unsent)
    if condition.rows["photos"]:
        yield from judge_growth(condition, settings)


def judge_session(
    session: SessionInfo, condition: Condition, *, shows_paths: bool
) -> Iterator[Finding]:
    """Report a session in one line, its error, and whether it should be resumed."""
    subject = f"session {session.id}"
    parts = [f"{session.status}, {session.created_at:%Y-%m-%d %H:%M} UTC, pack {session.pack}"]
    if session.photos is not None:
        parts.append(f"{session.photos:,} photos, {session.failed:,} failed")
    parts += [] if session.people is None else [f"{session.people:,} people"]
    if session.started_at and session.completed_at:
        parts.append(f"{(session.completed_at - session.started_at).total_seconds():.1f} s")
    if shows_paths and session.name:
        parts.append(f"named {session.name}")
    level = note if session.status is SessionStatus.FAILED else ok
    yield level(subject, ", ".join(parts))
    go_on = f"Resume it: python -m jobs.train --resume {session.id}"
    if session.error:
        names = [session.root, *condition.names]
        said = describe_error(session.error, names=names, shows_paths=shows_paths)
        yield warning(subject, f"it failed: {said}", go_on)
    if session.id in condition.unattended:
        if session.status is SessionStatus.RUNNING:
            yield warning(subject, "it is marked as running, but no process runs it.", go_on)
        elif session.job_id is None:
            yield warning(subject, "it is pending, and its process never started.", go_on)


def judge_unsent(message: NotificationInfo) -> Finding:
    """Report a message about the end of a session that was not sent, and why."""
    when = "another try follows" if message.next_try_at else "no further try"
    says = (
        f"channel {message.channel} was not told that the session is {message.status}: "
        f"{message.error} (tries: {message.tries}; {when})"
    )
    cure = "Correct HEADCOUNT_NOTIFY (docs/settings.md, Notifications), or repair the receiver."
    return warning(f"session {message.session_id}", says, cure)


def check_root(session: SessionInfo, inquiry: Inquiry) -> Iterator[Finding]:
    """Report whether the folder of a session can be read now."""
    subject, root = f"session {session.id}", text_to_path(session.root)
    shown = without_password(root) if inquiry.shows_paths else HIDDEN
    if is_url(root):
        yield note(subject, f"its root is a URL {shown}, which was not checked")
        return
    try:
        says = ask_storage(root, partial(describe_root, root), timeout_s=ROOT_TIMEOUT_S)
    except RootUnreachable:
        says = "does not answer"
    if says is None:
        yield ok(subject, f"its root {shown} is there")
    else:
        cure = "Mount or connect the disk, or restore the folder's name, before you resume it."
        yield warning(subject, f"its root {shown} {says}.", cure)


def describe_root(root: str) -> str | None:
    """Return the reason why a folder of photos cannot be read; None if it can."""
    if not os.path.isdir(root):
        return "is not there"
    return None if os.access(root, os.R_OK | os.X_OK) else "may not be read"


def judge_growth(condition: Condition, settings: Settings) -> Iterator[Finding]:
    """Warn if the disk has no room for another session as large as the last one."""
    newest = condition.last_sessions[0]
    if settings.database_url is not None or newest.photos is None:
        return
    share = condition.size_bytes / condition.rows["photos"]
    needs = share * newest.photos + settings.decoded_copies_bytes
    volume = os.statvfs(settings.data_dir)
    free = volume.f_bavail * volume.f_frsize
    if free < needs:
        says = (
            f"another session of {newest.photos:,} photos would need {describe_bytes(needs)}, "
            f"but {describe_bytes(free)} are free."
        )
        cure = "Free disk space, lower decoded_copies_bytes, or set a data_dir on another disk."
        yield warning("room", says, cure)
