"""Photos behind http://, on a server that lists them and that tries to lead elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from cluster.core.errors import RootNotFound, UnreachableImage
from cluster.core.files.passed_over import PassedOver
from cluster.vision.sources.library_walk import check_root, walk_photos
from cluster.vision.sources.photo_bytes import read_photo
from serve.app import AppParts, build_app
from tests.api.conftest import FakeCluster, Start
from tests.api.running import LOOKS_EVERY_S, RunningApp
from tests.api.test_guards import ROUTE, check_problem

PIXELS = b"\xff\xd8\xff pixels"


@dataclass
class Site:
    """A web server with listings, photos and redirects, which records each request."""

    url: str
    listings: dict[str, list[str]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Redirect a folder without its slash, as web servers do; any other file is a photo."""
        self.asked.add(path)
        html = {"Content-Type": "text/html"}
        if path in self.forbidden:
            return 403, html, b"no"
        if path in self.redirects:
            return 302, {"Location": self.redirects[path], **html}, b""
        if f"{path}/" in self.listings:
            return 301, {"Location": f"{path}/", **html}, b""
        if path in self.listings:
            links = "".join(f'<a href="{link}">x</a>\n' for link in self.listings[path])
            return 200, html, links.encode()
        if path in self.files:
            return 200, {"Content-Type": "application/octet-stream"}, self.files[path]
        is_photo = path.endswith(".jpg")
        return (200, {"Content-Type": "image/jpeg"}, PIXELS) if is_photo else (404, html, b"")


@contextmanager
def open_site() -> Iterator[Site]:
    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = site.answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    site = Site(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=[LOOKS_EVERY_S], daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()


@pytest.fixture
def new_site() -> Iterator[Callable[[], Site]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(open_site())


@pytest.fixture
def site(new_site: Callable[[], Site]) -> Site:
    site = new_site()
    site.listings = {
        "/photos/": ["a.jpg", "2024/", "notes.txt"],
        "/photos/2024/": ["b%20c.jpg"],
        "/secret/": ["s.jpg"],
        "/": ["photos/", "secret/"],
    }
    return site


def find(url: str) -> set[str]:
    return {photo.path for photo in walk_photos(url)}


def test_a_listing_is_walked_like_a_folder(site: Site) -> None:
    root = f"{site.url}/photos"
    check_root(root)
    assert find(root) == {f"{root}/a.jpg", f"{root}/2024/b%20c.jpg"}
    assert read_photo(f"{root}/2024/b%20c.jpg") == PIXELS


LEADING_OUT = [
    "../secret/",
    "../secret/s.jpg",
    "./../secret/s.jpg",
    "%2e%2e/secret/",
    "%2E%2e/secret/s.jpg",
    "%252e%252e/secret/",
    "..%2fsecret/",
    "..%2fsecret/s.jpg",
    "..;/secret/s.jpg",
    "2024/../../secret/s.jpg",
    "/secret/",
    "/secret/s.jpg",
    "/photos/../secret/s.jpg",
    "{site}/secret/s.jpg",
    "{site}/photos/../secret/s.jpg",
    "{site}/photos/%2e%2e/secret/",
    "{other}/photos/o.jpg",
    "//{other_host}/photos/o.jpg",
    "c.jpg::file:///etc/d.jpg",
    "e.jpg?from=/secret/s.jpg",
    "f.jpg#g.jpg",
    "\0.jpg",
    "deep/" * 2000 + "h.jpg",
]


def test_what_a_listing_names_outside_of_its_root_is_not_asked_for(
    site: Site, new_site: Callable[[], Site]
) -> None:
    other = new_site()
    other.listings["/photos/"] = ["o.jpg"]
    names = {"site": site.url, "other": other.url, "other_host": other.url[7:]}
    site.listings["/photos/"] += [link.format(**names) for link in LEADING_OUT]
    root = f"{site.url}/photos"
    found = find(root)
    assert found == {f"{root}/a.jpg", f"{root}/2024/b%20c.jpg"}
    assert site.asked <= {"/photos", "/photos/", "/photos/2024", "/photos/2024/"}
    assert not other.asked


def test_a_listing_that_names_itself_in_many_ways_is_walked_once(site: Site) -> None:
    site.listings["/photos/"] += ["%32024/", "2024//", "/photos/", "./"]
    assert len(list(walk_photos(f"{site.url}/photos"))) == 2


def test_what_a_listing_names_and_is_not_taken_is_counted(site: Site) -> None:
    """If the name of a file does not tell its kind, only its first bytes are fetched and kept."""
    jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(3_000_000)
    site.files = {"/photos/IMG.0001": jpeg, "/photos/2024/b.jpg%20": jpeg, "/photos/BMW": b"BMW 3"}
    site.listings["/photos/"] += ["IMG.0001", "BMW", "gone.0002", "closed/", "%2e%2e/secret/"]
    site.listings["/photos/"] += ["?C=N;O=D", "a.eip", ".b.jpg", "%40eaDir/", "a.jpg#c.jpg"]
    site.listings["/photos/2024/"] += ["b.jpg%20", "2024/../../secret/s.jpg", "/photos/2024"]
    site.forbidden = {"/photos/closed", "/photos/closed/"}
    root, passed_over = f"{site.url}/photos", PassedOver()
    found = {photo.path: photo for photo in walk_photos(root, passed_over=passed_over)}
    names = ["a.jpg", "IMG.0001", "2024/b%20c.jpg", "2024/b.jpg%20"]
    assert set(found) == {f"{root}/{name}" for name in names}
    assert {(photo.size, photo.modified_ns, photo.etag) for photo in found.values()} == {
        (None, None, None)
    }
    assert passed_over.to_json() == {
        "raw": 1,
        "document": 2,
        "hidden_file": 1,
        "program_folder": 1,
        "name_refused": 3,
        "file_unreadable": 1,
        "folder_unlisted": 1,
    }
    assert {place.rstrip("/") for place in passed_over.unlisted} == {
        f"{root}/closed",
        f"{root}/gone.0002",
    }


@pytest.mark.parametrize(
    "place", ["/secret/", "{other}/photos/", "{site}/photos/2024/../../secret"]
)
def test_a_redirect_to_another_place_is_not_followed(
    site: Site, new_site: Callable[[], Site], place: str
) -> None:
    other = new_site()
    other.listings["/photos/"] = ["o.jpg"]
    target = place.format(other=other.url, site=site.url)
    site.listings["/photos/"] += ["away/", "away.jpg"]
    site.redirects = {f"/photos/{name}": target for name in ("away", "away/", "away.jpg")}
    root = f"{site.url}/photos"
    assert find(root) == {f"{root}/{name}" for name in ("a.jpg", "away.jpg", "2024/b%20c.jpg")}
    with pytest.raises(UnreachableImage, match="the server redirects to another place"):
        read_photo(f"{root}/away.jpg")
    with pytest.raises(RootNotFound, match="the server redirects to another place"):
        check_root(f"{root}/away")
    assert not other.asked
    assert not any("secret" in path for path in site.asked)


def test_a_folder_that_the_server_forbids_is_passed_over(site: Site) -> None:
    site.forbidden = {"/photos/2024", "/photos/2024/", "/photos/a.jpg"}
    root = f"{site.url}/photos"
    assert find(root) == {f"{root}/a.jpg"}
    with pytest.raises(UnreachableImage, match="no permission to read the file"):
        read_photo(f"{root}/a.jpg")


def allow(start: Start, parts: AppParts, root: str) -> httpx.Client:
    return start(RunningApp(build_app(replace(parts, allowed_roots=(root,)))))


@pytest.fixture
def web_api(start: Start, parts: AppParts, site: Site) -> httpx.Client:
    """A server that may index /photos of the site."""
    return allow(start, parts, f"{site.url}/photos")


@pytest.mark.parametrize(
    "root",
    [
        "{site}/secret",
        "{site}/photos2",
        "{site}/photos/%2e%2e/secret",
        "{site}/photos/%2E%2E/secret",
        "{site}/photos/%252e%252e/secret",
        "{site}/photos/..%2fsecret",
        "{site}/photos/..%5csecret",
        "{site}/photos/..\\secret",
        "{site}/photos/..;/secret",
        "{site}/photos/./../secret",
        "{site}/photos?../secret",
        "{site}/photos#/../secret",
        "{site}/photos::file:///etc",
        "http://photos@elsewhere/photos",
        "HTTPS{tail}/photos",
    ],
)
def test_a_url_that_leads_out_of_an_allowed_one_is_not_asked_for(
    web_api: httpx.Client, site: Site, jobs: FakeCluster, root: str
) -> None:
    path = root.format(site=site.url, tail=site.url[4:])
    check_problem(web_api.post(ROUTE, json={"rootPath": path}), 403)
    assert not site.asked
    assert not jobs.submitted


@pytest.mark.parametrize("root", ["{site}/photos/", "{upper}/photos", "{site}/%70hotos//"])
def test_an_allowed_url_is_indexed_in_its_normal_form(
    web_api: httpx.Client, site: Site, jobs: FakeCluster, root: str
) -> None:
    path = root.format(site=site.url, upper=site.url.upper())
    answer = web_api.post(ROUTE, json={"rootPath": path})
    assert answer.status_code == 201, answer.text
    assert answer.json()["rootPath"] == f"{site.url}/photos"
    assert [session.root for session in jobs.submitted] == [f"{site.url}/photos"]


def test_an_allowed_url_may_be_written_in_another_way(
    start: Start, parts: AppParts, site: Site
) -> None:
    api = allow(start, parts, f"{site.url.upper()}/%70hotos/")
    assert api.post(ROUTE, json={"rootPath": f"{site.url}/photos"}).status_code == 201


def test_a_url_with_a_password_is_neither_stored_nor_answered(
    web_api: httpx.Client, site: Site, jobs: FakeCluster
) -> None:
    path = f"{site.url.replace('//', '//anna:s3cret@')}/photos"
    answer = web_api.post(ROUTE, json={"rootPath": path})
    assert "FSSPEC_HTTP_" in str(check_problem(answer, 403)["detail"])
    assert "s3cret" not in answer.text
    assert web_api.get(ROUTE).json()["total"] == 0
    assert not jobs.submitted


def test_a_link_that_a_driver_tells_of_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "s.jpg").write_bytes(PIXELS)
    root = tmp_path / "library"
    root.mkdir()
    (root / "a.jpg").write_bytes(PIXELS)
    (root / "link.jpg").symlink_to(tmp_path / "outside" / "s.jpg")
    (root / "folder").symlink_to(tmp_path / "outside", target_is_directory=True)
    assert [Path(path).name for path in find(f"local://{root}")] == ["a.jpg"]
