"""Which roots may be indexed over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.core.errors import RootNotAllowed
from serve.guards.roots import allowed_folders, resolve_root


def test_a_folder_below_an_allowed_root_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    resolved = resolve_root(f"{tmp_path}/link/.", allowed_roots=[str(tmp_path)])
    assert resolved == str(tmp_path / "real")


def test_an_allowed_root_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    allowed = [str(tmp_path / "link")]
    assert resolve_root(f"{tmp_path}/real", allowed_roots=allowed) == str(tmp_path / "real")


def test_a_name_that_only_begins_alike_is_not_below(tmp_path: Path) -> None:
    with pytest.raises(RootNotAllowed):
        resolve_root(f"{tmp_path}2", allowed_roots=[str(tmp_path)])


@pytest.mark.parametrize(
    "root", ["photos", "./photos", "~", "~/photos", "s3:/bucket", "C:\\photos"]
)
def test_a_path_that_is_not_absolute_is_not_allowed(root: str) -> None:
    with pytest.raises(RootNotAllowed):
        resolve_root(root, allowed_roots=["/"])


def test_a_file_url_is_judged_as_the_path_that_it_is(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    allowed = [str(tmp_path)]
    assert resolve_root(f"file://{tmp_path}/a%20b", allowed_roots=allowed) == f"{tmp_path}/a b"
    with pytest.raises(RootNotAllowed):
        resolve_root(f"file://{tmp_path}/%2e%2e/other", allowed_roots=allowed)


@pytest.mark.parametrize("url", ["s3://photos", "s3://photos/", "s3://photos/2024"])
def test_a_url_below_a_listed_one_is_allowed(url: str) -> None:
    assert resolve_root(url, allowed_roots=["/", "s3://photos/"]) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "s3://photos2",
        "s3://other/photos",
        "gs://photos",
        "s3://photos/../other",
        "s3://photos/x::file:///etc",
        "simplecache::s3://photos",
        "memory://",
    ],
)
def test_any_other_url_is_not_allowed(url: str) -> None:
    with pytest.raises(RootNotAllowed):
        resolve_root(url, allowed_roots=["/", "s3://photos"])


def test_links_are_confined_to_the_folders_among_the_allowed_roots(tmp_path: Path) -> None:
    allowed = [str(tmp_path), "s3://photos"]
    assert allowed_folders(allowed) == [tmp_path.resolve()]
