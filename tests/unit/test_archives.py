"""A downloaded pack is the known one, and is complete or not there at all."""

from __future__ import annotations

import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from cluster.core.errors import PackNotFound
from cluster.vision.packs.archives import INSIGHTFACE, Archive, Release, download_pack
from cluster.vision.packs.pack_files import PREFERRED, resolve_pack
from jobs.models import get_pack
from tests.house.sources import PROJECT_DIR
from tests.unit.tiny_packs import write_tiny_pack


@dataclass
class Shelf:
    """A server of archives on this machine."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    sent_bytes: int | None = None
    """The number of bytes of a file that are sent; None for all of it."""
    waits: bool = False
    """Whether the connection stays open afterwards."""
    asked: list[str] = field(default_factory=list)
    halfway: Event = field(default_factory=Event)
    closing: Event = field(default_factory=Event)

    def release(self, **known: bytes) -> Release:
        archives = {
            name: Archive(hashlib.sha256(content).hexdigest(), len(content))
            for name, content in known.items()
        }
        return Release(self.url, archives)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    found = Shelf()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            content = found.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: found.sent_bytes])
            self.wfile.flush()
            if found.waits:
                found.halfway.set()
                found.closing.wait()

        def log_message(self, format: str, *arguments: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    serving = Thread(target=server.serve_forever, args=[0.005])
    serving.start()
    yield found
    found.closing.set()
    server.shutdown()
    server.server_close()
    serving.join()


@pytest.fixture
def packed(tmp_path: Path) -> bytes:
    folder = write_tiny_pack(tmp_path / "origin" / "buffalo_s")
    return pack_files({file.name: file.read_bytes() for file in folder.iterdir()})


def pack_files(files: dict[str, bytes], *, link: str | None = None) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if link is not None:
            member = zipfile.ZipInfo("link")
            member.external_attr = 0o120777 << 16
            archive.writestr(member, link)
    return written.getvalue()


def test_every_preferred_pack_has_a_known_archive() -> None:
    assert set(PREFERRED) == set(INSIGHTFACE.archives)
    assert INSIGHTFACE.url.startswith("https://")
    for archive in INSIGHTFACE.archives.values():
        assert re.fullmatch("[0-9a-f]{64}", archive.sha256)
        assert archive.length_bytes > 0


def test_a_pack_with_the_known_digest_is_unpacked_and_found(
    tmp_path: Path, shelf: Shelf, packed: bytes
) -> None:
    shelf.files["/buffalo_s.zip"] = packed
    models = tmp_path / "models"
    came: list[int] = []
    folder = download_pack(
        "buffalo_s",
        models_dir=models,
        release=shelf.release(buffalo_s=packed),
        on_bytes=came.append,
    )
    assert folder == models / "buffalo_s"
    assert resolve_pack("auto", models_dir=models).name == "buffalo_s"
    assert names_in(models) == {"buffalo_s"}
    assert sum(came) == len(packed)


def test_a_pack_that_is_there_is_not_downloaded_again(
    tmp_path: Path, shelf: Shelf, packed: bytes
) -> None:
    write_tiny_pack(tmp_path / "buffalo_s")
    download_pack("buffalo_s", models_dir=tmp_path, release=shelf.release(buffalo_s=packed))
    assert not shelf.asked


def test_a_pack_without_a_known_digest_is_refused_and_nothing_is_asked_for(
    tmp_path: Path, shelf: Shelf, packed: bytes
) -> None:
    shelf.files["/raccoon_s.zip"] = packed
    with pytest.raises(PackNotFound, match=r"not known.*download it yourself.*name its folder"):
        download_pack("raccoon_s", models_dir=tmp_path, release=shelf.release(buffalo_s=packed))
    assert not shelf.asked
    assert not names_in(tmp_path / "models")


def test_another_archive_is_refused_and_deleted(
    tmp_path: Path, shelf: Shelf, packed: bytes
) -> None:
    shelf.files["/buffalo_s.zip"] = packed[:-1] + bytes([packed[-1] ^ 1])
    models = tmp_path / "models"
    with pytest.raises(PackNotFound, match=r"SHA-256 \w{64} instead of \w{64}.*deleted"):
        download_pack("buffalo_s", models_dir=models, release=shelf.release(buffalo_s=packed))
    assert not names_in(models)


def test_an_endless_archive_is_read_no_further_than_its_known_length(
    tmp_path: Path, shelf: Shelf, packed: bytes
) -> None:
    shelf.files["/buffalo_s.zip"] = packed + bytes(50_000_000)
    came: list[int] = []
    with pytest.raises(
        PackNotFound, match=rf"\({len(packed) + 1} bytes instead of {len(packed)}\)"
    ):
        download_pack(
            "buffalo_s",
            models_dir=tmp_path / "models",
            release=shelf.release(buffalo_s=packed),
            on_bytes=came.append,
        )
    assert sum(came) < 10_000_000


def test_a_download_that_is_cut_leaves_nothing_and_a_second_try_works(
    tmp_path: Path, shelf: Shelf, packed: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.files["/buffalo_s.zip"] = packed
    release, models = shelf.release(buffalo_s=packed), tmp_path / "models"
    shelf.sent_bytes = len(packed) // 2
    assert get_pack("buffalo_s", models_dir=models, release=release) == 1
    assert "buffalo_s could not be downloaded" in capsys.readouterr().err
    assert not names_in(models)
    shelf.sent_bytes = None
    assert get_pack("buffalo_s", models_dir=models, release=release) == 0
    assert names_in(models) == {"buffalo_s"}


@pytest.mark.parametrize(
    "member", ["../outside.onnx", "/outside.onnx", "a/../../outside.onnx", "..\\outside.onnx"]
)
def test_a_member_that_leaves_the_folder_is_refused(
    tmp_path: Path, shelf: Shelf, member: str
) -> None:
    shelf.files["/buffalo_s.zip"] = packed = pack_files({"det.onnx": b"", member: b"outside"})
    models = tmp_path / "in" / "models"
    with pytest.raises(PackNotFound, match="leaves"):
        download_pack("buffalo_s", models_dir=models, release=shelf.release(buffalo_s=packed))
    assert not names_in(models)
    assert not list(tmp_path.rglob("*outside*"))


def test_a_member_that_is_a_link_is_refused(tmp_path: Path, shelf: Shelf) -> None:
    shelf.files["/buffalo_s.zip"] = packed = pack_files({}, link="/etc")
    with pytest.raises(PackNotFound, match="leaves"):
        download_pack("buffalo_s", models_dir=tmp_path, release=shelf.release(buffalo_s=packed))


def test_an_unpacking_that_fails_leaves_nothing_that_is_taken_for_a_pack(
    tmp_path: Path, shelf: Shelf, packed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.files["/buffalo_s.zip"] = packed
    release, models = shelf.release(buffalo_s=packed), tmp_path / "models"

    def unpack_one(archive: zipfile.ZipFile, folder: Path, members: list[str]) -> None:
        archive.extract(members[0], folder)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(zipfile.ZipFile, "extractall", unpack_one)
        assert get_pack("buffalo_s", models_dir=models, release=release) == 1
    assert not names_in(models)
    assert get_pack("buffalo_s", models_dir=models, release=release) == 0


def test_what_a_killed_download_leaves_is_no_pack_and_goes_with_the_next(
    tmp_path: Path, shelf: Shelf, packed: bytes
) -> None:
    shelf.files["/buffalo_s.zip"] = packed
    release, models = shelf.release(buffalo_s=packed), tmp_path / "models"
    shelf.sent_bytes, shelf.waits = len(packed) // 2, True
    child = subprocess.Popen(
        [sys.executable, "-c", DOWNLOAD, str(models), release.url, *known(release)],
        cwd=PROJECT_DIR,
        env={**os.environ, "ORT_DISABLE_TELEMETRY": "1"},
    )
    try:
        assert shelf.halfway.wait(120)
        with pytest.raises(PackNotFound, match="another process is downloading it"):
            download_pack("buffalo_s", models_dir=models, release=release)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert names_in(models) == {".download-buffalo_s"}
    assert resolve_pack("auto", models_dir=models).name == "bundled"
    shelf.sent_bytes, shelf.waits = None, False
    download_pack("buffalo_s", models_dir=models, release=release)
    assert names_in(models) == {"buffalo_s"}


def test_half_a_pack_is_not_taken_for_a_whole_one(
    tmp_path: Path, shelf: Shelf, packed: bytes
) -> None:
    (tmp_path / "buffalo_s").mkdir()
    (tmp_path / "buffalo_s" / "det.onnx").write_bytes(b"half of it")
    with pytest.raises(PackNotFound, match="move it away"):
        download_pack("buffalo_s", models_dir=tmp_path, release=shelf.release(buffalo_s=packed))
    assert not shelf.asked


def test_an_archive_that_is_not_there_is_said_in_a_sentence(
    tmp_path: Path, shelf: Shelf, packed: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    release = shelf.release(buffalo_s=packed)
    assert get_pack("buffalo_s", models_dir=tmp_path / "models", release=release) == 1
    said = capsys.readouterr().err
    assert "buffalo_s could not be downloaded" in said
    assert "404" in said
    assert not names_in(tmp_path / "models")


DOWNLOAD = """
import sys
from pathlib import Path
from cluster.vision.packs.archives import Archive, Release, download_pack
models, url, sha256, length = sys.argv[1:]
release = Release(url, {"buffalo_s": Archive(sha256, int(length))})
download_pack("buffalo_s", models_dir=Path(models), release=release)
"""


def known(release: Release) -> tuple[str, str]:
    archive = release.archives["buffalo_s"]
    return archive.sha256, str(archive.length_bytes)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()
