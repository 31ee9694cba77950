"""Photos behind s3:// are found and read in an S3 store; a missing one is a clear error."""

from __future__ import annotations

from collections.abc import Iterator

import fsspec
import pytest
import s3fs
from botocore.exceptions import BotoCoreError
from moto.server import ThreadedMotoServer

from cluster.core.errors import RootEmpty, RootNotFound, UnreachableImage, UnreadableImage
from cluster.core.files.passed_over import PassedOver
from cluster.vision.sources.library_walk import check_root, walk_photos
from cluster.vision.sources.photo_bytes import read_photo
from cluster.vision.sources.storage import walk_url

NOWHERE = "http://127.0.0.1:9"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(scope="module")
def store_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(store_url: str, monkeypatch: pytest.MonkeyPatch) -> s3fs.S3FileSystem:
    """An S3 store that only the environment names, as on a node of a cluster."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    use_store_at(store_url, monkeypatch)
    filesystem = s3fs.S3FileSystem()
    if not filesystem.exists("album"):
        filesystem.mkdir("album")
        files = ["a.jpg", "2020/b.HEIC", "2020/05/c d é.png", "2020/.hidden.jpg", "notes.txt"]
        for name in [*files, ".thumbnails/small.jpg", "@eaDir/small.jpg"]:
            filesystem.pipe(f"album/photos/{name}", b"pixels")
        filesystem.pipe("album/texts/notes.txt", b"words")
    return filesystem


def use_store_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()


def test_photos_are_found_in_all_folders_with_size_and_time(store: s3fs.S3FileSystem) -> None:
    found = {photo.path: photo for photo in walk_photos("s3://album/photos")}
    names = ["a.jpg", "2020/b.HEIC", "2020/05/c d é.png"]
    assert set(found) == {f"s3://album/photos/{name}" for name in names}
    assert all(photo.size == 6 and (photo.modified_ns or 0) > 0 for photo in found.values())
    assert len({photo.etag for photo in found.values()} - {None}) == 1, "the contents are equal"
    assert read_photo("s3://album/photos/2020/05/c d é.png") == b"pixels"


def test_a_key_that_might_be_read_elsewhere_is_left_out(store: s3fs.S3FileSystem) -> None:
    for name in ("../up.jpg", "%2e%2e/up.jpg", "x::file:///etc/up.jpg"):
        store.pipe(f"album/odd/{name}", b"pixels")
    store.pipe("album/odd/100%25 #1.jpg", b"pixels")
    passed_over = PassedOver()
    found = {photo.path for photo in walk_photos("s3://album/odd", passed_over=passed_over)}
    assert found == {"s3://album/odd/100%25 #1.jpg"}
    assert passed_over.to_json() == {"name_refused": 3}
    assert read_photo("s3://album/odd/100%25 #1.jpg") == b"pixels"


def test_a_key_that_says_nothing_is_told_by_its_first_bytes(store: s3fs.S3FileSystem) -> None:
    store.pipe("album/unknown/IMG.0001", b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(100_000))
    store.pipe("album/unknown/BMW notes", b"BMW 320: oil change")
    passed_over = PassedOver()
    (found,) = walk_photos("s3://album/unknown", passed_over=passed_over)
    assert (found.path, found.size) == ("s3://album/unknown/IMG.0001", 100_010)
    assert passed_over.to_json() == {"document": 1}


def test_a_listing_is_not_kept_and_so_always_new(store: s3fs.S3FileSystem) -> None:
    before = {photo.path for photo in walk_photos("s3://album/photos")}
    with fsspec.open("s3://album/photos/new.jpg", "wb") as file:
        file.write(b"pixels")
    after = {photo.path for photo in walk_photos("s3://album/photos")}
    assert after - before == {"s3://album/photos/new.jpg"}
    store.rm("album/photos/new.jpg")


def test_a_root_that_is_not_there_is_told_from_one_without_photos(store: s3fs.S3FileSystem) -> None:
    check_root("s3://album/photos")
    for missing in ("s3://album/nothing", "s3://no-such-bucket/photos"):
        with pytest.raises(RootNotFound, match="there is no such folder"):
            check_root(missing)
    with pytest.raises(RootEmpty, match="no photo"):
        check_root("s3://album/texts")


def test_a_photo_that_is_gone_or_too_large_has_its_reason(store: s3fs.S3FileSystem) -> None:
    with pytest.raises(UnreachableImage, match="no longer there"):
        read_photo("s3://album/photos/gone.jpg")
    with pytest.raises(UnreadableImage, match="larger than the limit"):
        read_photo("s3://album/photos/a.jpg", max_bytes=5)


def test_a_store_that_does_not_answer_is_named(
    store: s3fs.S3FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_store_at(NOWHERE, monkeypatch)
    with pytest.raises(RootNotFound, match=f"cannot be listed: .*{NOWHERE}"):
        check_root("s3://album/photos")
    with pytest.raises(UnreachableImage, match=f"cannot be read .*{NOWHERE}"):
        read_photo("s3://album/photos/a.jpg")


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (ConnectionResetError("the store went away"), "the store went away"),
        (TimeoutError(), "no answer in time"),
        (BotoCoreError(), "BotoCoreError: An unspecified error"),
    ],
)
def test_a_store_that_fails_on_the_way_ends_the_walk(
    store: s3fs.S3FileSystem, monkeypatch: pytest.MonkeyPatch, failure: Exception, said: str
) -> None:
    list_folder = s3fs.S3FileSystem._ls

    async def fail_below(
        self: s3fs.S3FileSystem, path: str, *args: object, **options: object
    ) -> object:
        if path.endswith("2020"):
            raise failure
        return await list_folder(self, path, *args, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "_ls", fail_below)
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(OSError, match=said):
        list(walk_url("s3://album/photos", on_entry=lambda: None, passed_over=PassedOver()))


def test_a_driver_that_is_not_installed_is_named() -> None:
    with pytest.raises(RootNotFound, match="gcsfs"):
        check_root("gs://album/photos")
