"""Sessions on clusters of several nodes, with a PostgreSQL of its own that is reached over TCP."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
import ray
from ray.cluster_utils import Cluster
from sqlalchemy import text

from cluster.core.metrics import DETECTORS, Metric
from cluster.core.progress import UnifiedProgress
from cluster.core.sessions import PhaseName, SessionStatus
from cluster.environment import prepare_environment
from cluster.settings import Settings
from cluster.store.database.engine import Engine, begin, build_engine
from cluster.store.server.embedded import start_embedded, stop_embedded
from cluster.store.server.server_files import ServerFiles
from cluster.store.server.server_process import shut_down
from cluster.store.server.server_programs import reach_programs
from cluster.store.server.server_user import HERE, process_options
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import load_snapshots
from jobs.running.runtime import Runtime
from tests.commit_slots import CommitSlots
from tests.end_to_end.pictures import make_pictures
from tests.headcount import FinishedLibrary, find_free_port
from tests.local_ray import start_surely
from tests.sessions import add_session, run, running
from tests.waiting import PATIENT_S, wait_until

pytestmark = pytest.mark.long

FACES = text(
    """
    SELECT i.path, f.person_id, round(f.box_left), round(f.box_top)
    FROM face f JOIN file i ON i.image_id = f.image_id
    """
)
ITEMS = text(
    """
    SELECT i.path, s.training_state, s.detection_state
    FROM session_item s JOIN file i ON i.id = s.file_id WHERE s.session_id = :id
    """
)


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    """A PostgreSQL that listens on TCP, as one that an operator runs."""
    folder = Path(tempfile.mkdtemp(prefix="headcount-tcp-"))
    start_embedded(folder)
    stop_embedded(folder)
    files = ServerFiles.under(folder)
    shut_down(files)
    port = find_free_port()
    command = [reach_programs(files) / "postgres", "-D", HERE, "-p", str(port), "-c", "fsync=off"]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=."]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **{**process_options(files), **quiet})
    url = f"postgresql://postgres@127.0.0.1:{port}"
    wait_for_server(url)
    yield url
    process.terminate()
    process.wait(timeout=PATIENT_S)


def wait_for_server(url: str) -> None:
    def does_answer() -> bool:
        try:
            psycopg.connect(f"{url}/postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    wait_until(does_answer, "the server answers")


class PatientCluster(Cluster):
    """A cluster whose nodes may take as long as they need to start and to join."""

    def add_node(self, **options: Any) -> Any:
        return start_surely(partial(super().add_node, **options))

    def _wait_for_node(self, node: Any, timeout: float = PATIENT_S) -> None:
        super()._wait_for_node(node, timeout=PATIENT_S)


@contextmanager
def nodes(count: int) -> Iterator[Cluster]:
    """A cluster of so many nodes of one CPU, all on this machine."""
    prepare_environment()
    cluster = PatientCluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        for _ in range(count - 1):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes(timeout=PATIENT_S)
        yield cluster
    finally:
        cluster.shutdown()


def settings_on(cluster: Cluster, server_url: str, *, database: str, data_dir: Path) -> Settings:
    with psycopg.connect(f"{server_url}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}".encode())
    return Settings(
        data_dir=data_dir,
        database_url=f"{server_url}/{database}",
        ray_address=cluster.address,
        serve_enabled=False,
        pack="bundled",
    )


def read_results(engine: Engine, session_id: int, root: str) -> tuple[Any, ...]:
    """What a session came to, without ids: items, faces, and who is with whom."""
    with begin(engine) as db:
        check_session(db, session_id)
        faces = [(path.removeprefix(root), *rest) for path, *rest in db.execute(FACES)]
        items = {
            (path.removeprefix(root), *states)
            for path, *states in db.execute(ITEMS, {"id": session_id})
        }
    people: dict[int, set[tuple[Any, ...]]] = {}
    for path, person, *place in faces:
        if person is not None:
            people.setdefault(person, set()).add((path, *place))
    places = sorted((path, *place) for path, _, *place in faces)
    return items, places, {frozenset(faces) for faces in people.values()}


@pytest.fixture(scope="module")
def at_home(
    finished_library: FinishedLibrary, demo_library: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[object, ...]:
    """What the demo library comes to on one machine with the embedded database."""
    data_dir = tmp_path_factory.mktemp("at-home") / "data"
    finished_library.copy_to(data_dir)
    engine = build_engine(start_embedded(data_dir))
    try:
        return read_results(engine, 1, str(demo_library))
    finally:
        engine.dispose()
        stop_embedded(data_dir)


@pytest.mark.drill
@pytest.mark.parametrize("count", [1, 2, 4])
def test_any_number_of_nodes_finds_the_same_people(
    server_url: str, demo_library: Path, tmp_path: Path, at_home: tuple[object, ...], count: int
) -> None:
    assert at_home[2], "there are people in the demo library"
    with nodes(count) as cluster:
        settings = settings_on(cluster, server_url, database=f"nodes_{count}", data_dir=tmp_path)
        with running(settings) as runtime:
            session = add_session(runtime, demo_library)
            assert run(runtime, session) is SessionStatus.COMPLETED
            assert read_results(runtime.engine, session.id, str(demo_library)) == at_home


class MostDetectors:
    """Remembers the largest number of detectors that were there at once."""

    def __init__(self) -> None:
        self.most = 0.0

    def record(self, metric: Metric, value: float, **_: str) -> None:
        if metric is DETECTORS:
            self.most = max(self.most, value)


def test_a_node_that_joins_gets_detectors_and_one_that_leaves_loses_no_photo(
    server_url: str, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    make_pictures(library, 240)
    meter = MostDetectors()
    with nodes(1) as cluster, ThreadPoolExecutor(1) as thread:
        settings = settings_on(cluster, server_url, database="joining", data_dir=tmp_path / "data")
        with running(settings) as runtime:
            session = add_session(runtime, library)
            change = partial(replace, meter=meter)
            slots = CommitSlots(settings.database_url.get_secret_value())
            ended = thread.submit(run, runtime, session, change=change)
            slots.let_through(session.id, until="face_detection")
            node = cluster.add_node(num_cpus=2)
            wait_until(lambda: meter.most >= 3, "the node that joined has detectors")
            finished = count_finished(runtime.engine, session.id)
            slots.let_some_through()
            wait_until(
                lambda: count_finished(runtime.engine, session.id) > finished,
                "photos are finished",
            )
            cluster.remove_node(node, allow_graceful=False)
            slots.free_all()
            assert ended.result(timeout=PATIENT_S) is SessionStatus.COMPLETED
            with begin(runtime.engine) as db:
                check_session(db, session.id)
            counts = load_snapshots(runtime.engine, session.id)[1].counts
            assert counts.finished == counts.total >= 240
            assert meter.most == 3


def count_finished(engine: Engine, session_id: int) -> int:
    return load_snapshots(engine, session_id)[1].counts.finished


class Quiet(SimpleHTTPRequestHandler):
    """Lists and serves a folder without a word."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def web_server(demo_library: Path) -> Iterator[str]:
    """The demo library behind HTTP, folders as lists of links."""
    serve_folder = partial(Quiet, directory=str(demo_library))
    server = ThreadingHTTPServer(("127.0.0.1", 0), serve_folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.mark.drill
def test_photos_behind_a_url_are_found_on_every_node(
    server_url: str, web_server: str, tmp_path: Path, at_home: tuple[Any, ...]
) -> None:
    with nodes(2) as cluster:
        settings = settings_on(cluster, server_url, database="remote", data_dir=tmp_path)
        with running(settings) as runtime:
            session = add_session(runtime, web_server)
            assert run(runtime, session) is SessionStatus.COMPLETED
            shown: UnifiedProgress = show(runtime, session.id)
            detection = shown.phase(PhaseName.FACE_DETECTION)
            items, faces, _ = read_results(runtime.engine, session.id, web_server)
            assert detection.total == len(items) == len(at_home[0])
            assert len(faces) == len(at_home[1]) > 0


def show(runtime: Runtime, session_id: int) -> UnifiedProgress:
    answer: UnifiedProgress = ray.get(runtime.progress.show.remote(session_id))
    return answer
