"""`python -m jobs.xmp` over a folder of photos, as fixtures, and the names of faces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cluster.core.identity.changes import PersonEdit
from cluster.core.xmp.region_places import make_stored
from cluster.store.database.engine import begin
from cluster.store.people.people_list import get_person
from cluster.store.people.person_edits import edit_person
from jobs import xmp
from tests.library import NOW, PACK
from tests.tagged_photos import Tag, store_size, write_mwg

Output = pytest.CaptureFixture[str]
Command = Callable[..., dict[str, Any]]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path, capsys: Output
) -> Command:
    """Run the command and return what it prints as JSON."""
    monkeypatch.setenv("HEADCOUNT_DATABASE_URL", database_url)
    monkeypatch.setenv("HEADCOUNT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def run_command(*arguments: object) -> dict[str, Any]:
        capsys.readouterr()
        assert xmp.main([*map(str, arguments), "--json"]) == 0
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return run_command


def names(engine: Engine, *, pack: str = PACK) -> dict[int, tuple[str | None, bool]]:
    """The name of each face's person, and whether a user placed the face."""
    query = text(
        "SELECT f.id, p.name, f.placed_by_user FROM face f LEFT JOIN person p ON p.id = f.person_id"
        " WHERE f.pack = :pack ORDER BY f.id"
    )
    with begin(engine) as db:
        rows = db.execute(query, {"pack": pack})
        return {row.id: (row.name, row.placed_by_user) for row in rows}


def rename(engine: Engine, person_id: int, name: str) -> None:
    with begin(engine) as db:
        version = get_person(db, person_id).version
        edit_person(db, person_id, PersonEdit.renaming(name), version=version, now=NOW)


def tag_sidecar(path: Path, *tags: Tag, orientation: int = 1) -> None:
    """Write the sidecar of a photo, with boxes given in its upright picture."""
    stored = [Tag(tag.name, make_stored(tag.box, orientation)) for tag in tags]
    Path(f"{path}.xmp").write_text(write_mwg(stored, store_size(orientation)))
