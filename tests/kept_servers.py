"""Servers that files of tests share, one file after the other: a start takes half a minute."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cluster.store.server.embedded import stop_embedded
from tests.headcount import FinishedLibrary, Headcount


@contextmanager
def serving(root: Path, *, finished: FinishedLibrary | None = None) -> Iterator[Headcount]:
    """Headcount that indexes a folder and keeps serving; `finished` has been over it already."""
    folder = Path(tempfile.mkdtemp(prefix="headcount-kept-"))
    run = Headcount(folder / "data", extra={"HEADCOUNT_ALLOWED_ROOTS": tempfile.gettempdir()})
    if finished is not None:
        finished.copy_to(run.data_dir)
    run.start("--root", str(root), "--keep")
    run.wait_until_ready()
    yield run
    run.end()
    stop_embedded(run.data_dir)
    shutil.rmtree(folder, ignore_errors=True)


class KeptServer:
    """What one file of tests leaves to the next: a server, and what ends it."""

    def __init__(self, sharing: Sequence[str]) -> None:
        self.sharing = tuple(sharing)
        self._server: Headcount | None = None
        self._stack = ExitStack()

    def give(self, finished_library: FinishedLibrary, demo_library: Path) -> Headcount:
        """Return the server, which is started if there is none."""
        if self._server is None:
            begun = serving(demo_library, finished=finished_library)
            self._server = self._stack.enter_context(begun)
        return self._server

    def end(self) -> None:
        """End the server, if there is one."""
        self._server = None
        self._stack.close()


IN_BROWSER = KeptServer(("test_people", "test_whole_session"))
"""What the tests of the page do to its library is erased by the last of them."""

OVER_HTTP = KeptServer(
    ("test_doctor", "test_people_over_http", "test_http_session", "test_shared_data_dir")
)

KEPT = (IN_BROWSER, OVER_HTTP)
"""The servers, each with the files that share it, in the order in which they use it."""


def end_kept_servers(*, but_of: str = "") -> None:
    """End the servers, except the one that a file of tests shares."""
    for kept in KEPT:
        if but_of not in kept.sharing:
            kept.end()
