"""Drills of files: the files of a library change while its people are named, merged, moved and
erased. After each session during which no file changed, the decisions of users must be unchanged.

    python -m tests.file_drills --minutes 10 [--seed 1]      (make soak MINUTES=20)

runs for that long, one library after the other, and prints the changes and the differences. The
printed seed of a library determines everything that happens to it.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster.core.damage import DamageKind
from cluster.store.server.embedded import stop_embedded
from jobs.demo import make_demo_library
from tests.damage import find_damage
from tests.file_changes import ChangingFolder, delete
from tests.headcount import Headcount
from tests.remembered_people import Memory
from tests.waiting import wait_until

ROUNDS = 12
"""The rounds with one library; after these, few people are left."""

MOST_CHANGES = 12
AT_FIRST_AWAY = 7
PAUSE_S = 0.3
ENDED = ("completed", "failed", "cancelled")

Say = Callable[[str], object]


@dataclass
class Drill:
    """A library whose files change, and the server that indexes it."""

    run: Headcount
    folder: ChangingFolder
    memory: Memory
    draw: random.Random
    say: Say
    found: list[str] = field(default_factory=list)

    def look(self, *, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Run a session, and `meanwhile` in a thread that starts with it."""
        started = self.run.post("/api/v1/training", {"rootPath": str(self.folder.root)})
        assert started.status == 201, started.body
        place = f"/api/v1/training/{started.body['sessionId']}/progress/unified"
        thread = threading.Thread(target=meanwhile)
        thread.start()
        wait_until(lambda: self.run.get(place).body["overallStatus"] in ENDED, "the session ends")
        thread.join()
        progress = self.run.get(place).body
        if progress["overallStatus"] != "completed":
            self.found.append(f"session {started.body['sessionId']}: {progress}")
        self.found += find_damage(self.run.data_dir, but=(DamageKind.FILE_GONE,))

    def begin(self) -> None:
        """Run the first session; some photos are in the bin, and will be new later."""
        for _ in range(AT_FIRST_AWAY):
            self.say(f"  0: delete {delete(self.folder, self.draw)}")
        self.look()
        self.found += self.memory.compare(self.folder.look())

    def do_round(self, number: int) -> None:
        """Change files and people between sessions or during one; compare after a quiet one."""
        with_people, is_disturbed = self.draw.random() < 0.6, self.draw.random() < 0.5
        self._change(number, with_people=with_people)
        if is_disturbed:
            seed = self.draw.getrandbits(64)
            self.look(meanwhile=lambda: self._disturb(number, seed, with_people=with_people))
        self.look()
        differences = self.memory.compare(self.folder.look())
        for one in differences:
            self.say(f"  {number}: DIFFERENCE {one}")
        self.found += differences

    def _change(self, number: int, *, with_people: bool) -> None:
        for _ in range(self.draw.randint(1, MOST_CHANGES)):
            self.say(f"  {number}: {self.folder.change(self.draw)}")
        for _ in range(self.draw.randint(0, 3) if with_people else 0):
            self.say(f"  {number}: {self.memory.decide(self.draw)}")

    def _disturb(self, number: int, seed: int, *, with_people: bool) -> None:
        draw, client = random.Random(seed), random.Random(seed + 1)
        for _ in range(draw.randint(1, MOST_CHANGES)):
            time.sleep(draw.uniform(0, PAUSE_S))
            self.say(f"  {number} during: {self.folder.change(draw)}")
            if with_people and draw.random() < 0.3:
                self.say(f"  {number} during: {self.memory.decide(client)}")


@contextmanager
def open_drill(place: Path, *, seed: int, say: Say) -> Iterator[Drill]:
    """Yield a drill over the demo library's portraits, after its first session."""
    folder = ChangingFolder(place / "photos", place / "bin")
    folder.bin.mkdir(parents=True)
    make_demo_library(place / "demo")
    shutil.copytree(place / "demo" / "portraits", folder.root / "portraits")
    run = Headcount(place / "data", extra={"HEADCOUNT_ALLOWED_ROOTS": str(place)})
    try:
        run.start("--root", str(folder.root), "--keep")
        run.wait_until_ready()
        drill = Drill(run, folder, Memory(run), random.Random(seed), say)
        drill.begin()
        yield drill
        run.end()
    finally:
        run.kill()
        stop_embedded(run.data_dir)


def drill_library(
    place: Path, *, seed: int, rounds: int, say: Say, is_over: Callable[[], bool] = lambda: False
) -> list[str]:
    """Run this many rounds with one library; return the differences."""
    with open_drill(place, seed=seed, say=say) as drill:
        for number in range(1, rounds + 1):
            if is_over():
                break
            drill.do_round(number)
        return drill.found


def tell(line: str) -> None:
    """Print a line at once, because somebody may watch the drill."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Drill until the time is over; return 1 if anything differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    deadline, found = time.monotonic() + 60 * options.minutes, 0

    def is_over() -> bool:
        return time.monotonic() > deadline

    for seed in itertools.count(options.seed):
        if is_over():
            break
        with tempfile.TemporaryDirectory(prefix="headcount-files-") as place:
            differences = drill_library(
                Path(place), seed=seed, rounds=ROUNDS, say=tell, is_over=is_over
            )
        tell("\n  ".join([f"seed {seed}: {len(differences)} differences", *differences]))
        found += len(differences)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
