"""There is a small database that each version wrote whose tables changed."""

from __future__ import annotations

from pathlib import PurePosixPath

from tests.house.sources import project_files

VERSIONS = "cluster/store/database/migrations/versions/"
DUMPS = "tests/postgres/dumps/"

WITHOUT = {
    "0001": "before the first dump",
    "0002": "before the first dump",
    "0003": "before the first dump",
    "0008": "never the newest revision of a version: 0008 to 0010 came together",
    "0009": "never the newest revision of a version: 0008 to 0010 came together",
}


def list_revisions() -> list[str]:
    """The revisions, oldest first; the names of their files begin with the number."""
    names = [PurePosixPath(path).name for path in project_files() if path.startswith(VERSIONS)]
    return sorted(name.partition("_")[0] for name in names if name[:4].isdigit())


def test_every_revision_before_the_newest_has_a_dump_that_is_migrated_in_tests() -> None:
    """Before a new revision is added, the database of the last one is dumped (CONTRIBUTING.md)."""
    dumped = {PurePosixPath(path).stem for path in project_files() if path.startswith(DUMPS)}
    revisions = list_revisions()
    assert sorted(set(revisions[:-1]) - dumped - set(WITHOUT)) == []
    assert dumped <= set(revisions)
    assert not dumped & set(WITHOUT), "an exception that is no longer one"
