"""README's "Move to another computer": the same people, and no photo is read again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cluster.store.database.engine import begin, build_engine
from cluster.store.people.people_list import list_people
from cluster.store.server.embedded import start_embedded, stop_embedded
from cluster.store.sessions.library_rows import list_libraries
from tests.backups import name_first_person
from tests.headcount import WITHOUT_PAGE, FinishedLibrary, Headcount


def read_people(data_dir: Path, *, name: str | None = None) -> list[tuple[object, ...]]:
    """The people of a library as the page lists them; the first one gets a `name` before."""
    engine = build_engine(start_embedded(data_dir))
    try:
        if name is not None:
            name_first_person(engine, name)
        with begin(engine) as db:
            found = list_people(db, pack="bundled", limit=100, offset=0)
            return [(one.id, one.name, one.faces, one.photos, one.cover_face_id) for one in found]
    finally:
        engine.dispose()
        stop_embedded(data_dir)


@pytest.mark.long
def test_a_library_moves_to_another_computer_and_nothing_is_read_again(
    finished_library: FinishedLibrary, demo_library: Path, tmp_path: Path
) -> None:
    old = Headcount(tmp_path / "old", extra=dict(WITHOUT_PAGE))
    finished_library.copy_to(old.data_dir)
    people = read_people(old.data_dir, name="Ada")
    stick, photos = tmp_path / "stick", tmp_path / "Pictures"
    code, output = old.run("--kind", "everything", "--to", str(stick), job="backup")
    assert code == 0, output
    (backup,) = stick.iterdir()
    shutil.copytree(demo_library, photos)
    new = Headcount(tmp_path / "new", extra=dict(WITHOUT_PAGE))
    for job, arguments in (
        ("restore", (str(backup), "--yes")),
        ("library", ("--moved", str(demo_library), str(photos))),
        ("train", ("--root", str(photos))),
    ):
        code, output = new.run(*arguments, job=job)
        assert code == 0, output
    assert "unchanged   61" in output
    assert read_people(new.data_dir) == people
    engine = build_engine(start_embedded(new.data_dir))
    with begin(engine) as db:
        assert [one.root for one in list_libraries(db)] == [str(photos)]
    engine.dispose()
    stop_embedded(new.data_dir)
    for run in (old, new):
        shutil.rmtree(run.data_dir, ignore_errors=True)
