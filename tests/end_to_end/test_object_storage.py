"""A library in an object store: the same people as on a disk, and no work twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs
from moto.server import ThreadedMotoServer

from tests.headcount import FinishedLibrary, Headcount, read_figures

pytestmark = pytest.mark.long

FIGURES = ("photos", "films", "duplicates", "failed", "faces", "people")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What the environment says of an empty object store."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    yield environment
    server.stop()


@pytest.mark.drill
def test_a_library_in_an_object_store_has_the_same_people(
    headcount: Headcount,
    s3: dict[str, str],
    demo_library: Path,
    finished_library: FinishedLibrary,
) -> None:
    store = s3fs.S3FileSystem()
    store.mkdir("library")
    store.put(str(demo_library), "library/demo", recursive=True)
    headcount.extra = s3
    code, output = headcount.run("--root", "s3://library/demo")
    assert code == 0, output
    figures, expected = read_figures(output), read_figures(finished_library.output)
    assert {name: figures[name] for name in FIGURES} == {name: expected[name] for name in FIGURES}
    code, output = headcount.run("--root", "s3://library/demo")
    assert code == 0, output
    assert read_figures(output)["unchanged"] == figures["files"]
