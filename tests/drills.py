"""Kill drills: processes of a real run are killed at random moments; what it ends with must be
what an undisturbed run ends with.

    python -m tests.drills --minutes 10 [--seed 1]      (make soak MINUTES=10)

runs for so long, each round with its own victims, and prints kills, photos and differences.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import text

from cluster.store.database.engine import begin, build_engine
from cluster.store.server.embedded import start_embedded, stop_embedded
from cluster.store.server.server_files import ServerFiles
from cluster.store.server.server_process import find_processes, find_server_process
from cluster.store.sessions.invariants import check_session
from tests.damage import find_damage
from tests.headcount import Headcount
from tests.waiting import PATIENT_S, comes_true

TERMINAL = {"completed", "failed", "cancelled"}
POLL_S = 0.1
MAX_SAID = 500
PAUSE_S = (0.4, 2.0)
"""Between two kills."""

TITLES = {
    "training worker": "ray::train[",
    "detector": "ray::detect[",
    "clustering": "ray::cluster[",
    "live view": "ray::ProgressActor",
    "replica": "ray::ServeReplica",
}
"""What Ray calls the processes; the database and the driver are found in other ways."""

IN_ONE_RUN = (*TITLES, "database")
"""Those whose loss a run survives; without its driver it has to be started again."""

ITEMS = text(
    """
    SELECT i.path, s.training_state, s.training_reason, s.detection_state, s.detection_reason
    FROM session_item s JOIN file i ON i.id = s.file_id WHERE s.session_id = :session_id
    """
)
FACES = text(
    """
    SELECT i.path, f.box_left, f.box_top, f.box_right, f.box_bottom, f.score, f.embedding::text,
        min(f.id) OVER (PARTITION BY coalesce(f.person_id, -f.id)) AS first_of_person
    FROM face f JOIN file i ON i.image_id = f.image_id
    """
)


@dataclass
class Watcher:
    """A client that polls a session; it notes what falls, and takes no notice of silence."""

    run: Headcount
    session_id: int = 1
    answers: list[dict[str, Any]] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watching(self) -> Iterator[Watcher]:
        """Poll until the block ends."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    @property
    def status(self) -> str:
        """The session's status in the latest answer."""
        return self.answers[-1]["overallStatus"] if self.answers else "pending"

    @property
    def falls(self) -> list[str]:
        """Every percentage that fell, and every count that left its bounds."""
        found = []
        for before, after in itertools.pairwise(self.answers):
            old, new = (one["overallProgress"]["percentage"] for one in (before, after))
            if new < old:
                found.append(f"{old} fell to {new}")
            if after["version"] < before["version"]:
                found.append(f"version {before['version']} fell to {after['version']}")
        for name, phase in ((n, p) for one in self.answers for n, p in one["phases"].items()):
            progress = phase["progress"]
            if not 0 <= progress["current"] <= progress["total"]:
                found.append(f"{name}: {progress['current']} of {progress['total']}")
        return found

    def _watch(self) -> None:
        path = f"/api/v1/training/{self.session_id}/progress/unified"
        while not self._ended.wait(POLL_S):
            try:
                answer = self.run.get(path)
            except OSError:
                continue
            if answer.status == 200:
                self.answers.append(answer.body)


@dataclass(frozen=True)
class Outcome:
    """What a run ended with: its exit code, what it printed, its tables, what a client saw."""

    code: int
    output: str
    items: frozenset[tuple[Any, ...]]
    faces: frozenset[tuple[Any, ...]]
    people: frozenset[frozenset[str]]
    falls: tuple[str, ...] = ()
    killed: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()

    def differences(self, undisturbed: Outcome) -> list[str]:
        """Say in what this differs from an undisturbed run."""
        found = [*self.falls, *(f"left behind: {one}" for one in self.left_behind)]
        found += [f"damaged: {one}" for one in self.damaged]
        if self.code != undisturbed.code:
            found.append(f"exit code {self.code}: {self.output[-2000:]}")
        for name in ("items", "faces", "people"):
            mine, theirs = getattr(self, name), getattr(undisturbed, name)
            if mine != theirs:
                found.append(f"{name}: {list(mine - theirs)[:3]} for {list(theirs - mine)[:3]}")
        return found


def drill(
    library: Path, folder: Path, victims: Sequence[str], *, draw: random.Random, pause_s: Any = None
) -> Outcome:
    """Run a session over `library` with its data in `folder`, killing `victims` one by one.

    After each kill, and at the end, the library is checked for damage. A victim that is not there
    within its turn is left out. A run whose driver was killed is started again, and goes on.
    """
    run = Headcount(folder / "data")
    killed: list[str] = []
    damaged: list[str] = []
    with Watcher(run).watching() as watcher:
        run.start("--root", str(library))
        for victim in victims:
            wait(run, watcher, draw.uniform(*(pause_s or PAUSE_S)))
            if not kill(victim, run):
                continue
            killed.append(victim)
            if victim == "driver":
                assert run.process is not None
                run.process.wait()
                run.start("--root", str(library))
            damaged += [
                f"{one} (after the {victim} was killed)" for one in find_damage(run.data_dir)
            ]
        return finish(run, watcher, killed=killed, damaged=damaged)


def finish(
    run: Headcount, watcher: Watcher, *, killed: Sequence[str] = (), damaged: Sequence[str] = ()
) -> Outcome:
    """Wait for the run to end, and look at what there is then."""
    assert run.process is not None
    output, _ = run.process.communicate(timeout=PATIENT_S)
    items, faces, people = read_tables(run.data_dir)
    damaged = (*damaged, *find_damage(run.data_dir))
    return Outcome(
        code=run.process.returncode,
        output=output,
        items=items,
        faces=faces,
        people=people,
        falls=tuple(watcher.falls),
        killed=tuple(killed),
        damaged=tuple(damaged),
        left_behind=tuple(find_left_behind(run)),
    )


def wait(run: Headcount, watcher: Watcher, seconds: float) -> None:
    """Wait for the session to run, and then so long; no longer than the run lives."""
    assert run.process is not None
    while watcher.status != "running" and run.process.poll() is None:
        time.sleep(POLL_S)
        if watcher.status in TERMINAL:
            return
    time.sleep(seconds)


def kill(victim: str, run: Headcount) -> bool:
    """Kill one process of this kind that belongs to the run; tell whether there was one."""
    assert run.process is not None
    if run.process.poll() is not None:
        return False
    if victim == "driver":
        run.process.kill()
        return True
    found = find_victims(victim, run)
    for process in found[:1]:
        process.kill()
    return bool(found)


def find_victims(victim: str, run: Headcount) -> list[psutil.Process]:
    """Return the living processes of this kind."""
    if victim == "database":
        server = find_server_process(ServerFiles.under(run.data_dir))
        return [] if server is None else [server]
    assert run.process is not None
    return [p for p in list_children(run.process.pid) if title_of(p).startswith(TITLES[victim])]


def list_children(pid: int) -> list[psutil.Process]:
    """Return all processes below this one; none when it is gone."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def title_of(process: psutil.Process) -> str:
    """Return the first word of a process's command line, which Ray writes anew."""
    try:
        return " ".join(process.cmdline()[:1])
    except psutil.Error:
        return ""


def find_left_behind(run: Headcount) -> list[str]:
    """Return what still lives of a run that has ended, and does not end either."""
    comes_true(lambda: not list_alive(run), every_s=POLL_S)
    return list_alive(run)


def list_alive(run: Headcount) -> list[str]:
    """Return the processes of a run and of its database."""
    alive = [
        " ".join(process.cmdline())[:200]
        for process in psutil.process_iter()
        if is_of(process, run)
    ]
    return alive + [str(process) for process in find_processes(ServerFiles.under(run.data_dir))]


def is_of(process: psutil.Process, run: Headcount) -> bool:
    """Tell whether a process was started with the environment of this run."""
    try:
        data_dir = process.environ().get("HEADCOUNT_DATA_DIR")
        return data_dir == str(run.data_dir) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def read_tables(data_dir: Path) -> tuple[Any, Any, Any]:
    """Return items, faces and people of session 1, having checked that its counts are true."""
    engine = build_engine(start_embedded(data_dir))
    try:
        with begin(engine) as db:
            check_session(db, 1)
            items = frozenset(map(tuple, db.execute(ITEMS, {"session_id": 1})))
            rows = db.execute(FACES).all()
    finally:
        engine.dispose()
        stop_embedded(data_dir)
    groups: dict[int, set[str]] = {}
    for row in rows:
        groups.setdefault(row.first_of_person, set()).add(f"{row.path} {row.box_left}")
    faces = [tuple(row)[:-1] for row in rows]
    assert len(faces) == len(set(faces)), "a face is there twice"
    return items, frozenset(faces), frozenset(map(frozenset, groups.values()))


def main(arguments: list[str] | None = None) -> int:
    """Drill until the time is over; 1 when something differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="headcount-soak-") as folder:
        return soak(Path(folder), minutes=options.minutes, seed=options.seed, say=print)


def soak(folder: Path, *, minutes: float, seed: int, say: Callable[[str], object]) -> int:
    """Compare one drill after the other with an undisturbed run; 1 when one of them differed."""
    from jobs.demo import make_demo_library

    make_demo_library(folder / "library")
    undisturbed = drill(folder / "library", folder / "undisturbed", [], draw=random.Random(seed))
    say(f"undisturbed: {len(undisturbed.items)} photos, {len(undisturbed.faces)} faces")
    deadline, found, photos = time.monotonic() + 60 * minutes, 0, 0
    for turn in itertools.count(seed):
        if time.monotonic() > deadline:
            break
        draw = random.Random(turn)
        victims = draw.choices([*IN_ONE_RUN, "driver"], k=draw.randint(1, 8))
        outcome = drill(folder / "library", folder / f"round-{turn}", victims, draw=draw)
        differences = outcome.differences(undisturbed)
        photos, found = photos + len(outcome.items), found + len(differences)
        say(f"seed {turn}: killed {', '.join(outcome.killed) or 'nobody'}; {shorten(differences)}")
        shutil.rmtree(folder / f"round-{turn}", ignore_errors=True)
    say(f"{photos} photos, {found} differences")
    return 1 if found else 0


def shorten(differences: Sequence[str]) -> str:
    """Say what differs in a few lines; faces come with their vectors."""
    return "; ".join(one[:MAX_SAID] for one in differences) or "same"


if __name__ == "__main__":
    sys.exit(main())
