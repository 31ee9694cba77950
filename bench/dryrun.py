"""Measures whether sessions keep the time that a dry run promises.

    python -m bench.dryrun --photos DIR [DIR ...] --pack PACK [--sizes N ...] [--fresh] [--json]

Each folder is cut into libraries of the sizes; a folder with fewer photos is one library of at
least the smallest size, with cropped variants. For each library a dry run promises a range, and
then a session runs over it. A range should hold in 8 of 10 cases. With `--fresh`, each session is
the first in its database; otherwise later dry runs know the earlier sessions.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import SecretStr

from bench.libraries import list_photos, make_library
from bench.session import open_headcount, run_one
from cluster.core.sessions import PhaseName
from cluster.store.database.engine import Engine, begin
from cluster.store.sessions.phase_rows import get_snapshots
from cluster.store.sessions.session_rows import get_session
from cluster.vision.packs.pack_files import Pack
from jobs.dry_run_report import make_dry_run
from jobs.running.runtime import Runtime

SIZES = (30, 100, 300)


@dataclass(frozen=True, slots=True)
class Promise:
    """The time that a dry run promised for one library, and that of its session, in seconds."""

    library: str
    photos: int
    low_s: float
    middle_s: float
    high_s: float
    took_s: float
    phases_s: dict[str, float]

    @property
    def is_kept(self) -> bool:
        """True if the session's time lay within the range."""
        return self.low_s <= self.took_s <= self.high_s


def main() -> None:
    """Promise, measure, print, and with --json end with one JSON object."""
    options = build_parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="headcount-bench-") as folder:
        libraries = list(cut_libraries(options, Path(folder) / "libraries"))
        promises = list(measure(libraries, Path(folder), options))
    report(promises, as_json=options.json)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True, nargs="+", help="folders with photos")
    parser.add_argument("--pack", required=True, help="the folder of a pack, or its name")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="photos of a library")
    parser.add_argument("--limit", type=int, help="the maximum number of photos of a folder")
    parser.add_argument("--fresh", action="store_true", help="a database for each session")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    return parser


def cut_libraries(options: argparse.Namespace, target: Path) -> Iterator[Path]:
    """Yield folders of linked photos. No photo is in two of them, so each session has new ones."""
    for number, folder in enumerate(options.photos):
        left = list_photos(folder, limit=options.limit)
        for turn, size in enumerate(itertools.cycle(options.sizes)):
            if turn and len(left) < size:
                break
            part, left = left[:size], left[size:]
            library = target / f"{Path(folder).name}-{number}-{turn}"
            library.mkdir(parents=True)
            make_library(part, library, at_least=min(options.sizes))
            yield library


def measure(
    libraries: Sequence[Path], folder: Path, options: argparse.Namespace
) -> Iterator[Promise]:
    """Yield the promise for each library, after its session."""
    shared = folder / "data"
    with ExitStack() as stack:
        if not options.fresh:
            runtime, pack = stack.enter_context(open_headcount(shared, options.pack))
        for number, library in enumerate(libraries):
            if options.fresh:
                with open_headcount(folder / f"data-{number}", options.pack) as (runtime, pack):
                    yield measure_one(runtime, pack, library)
            else:
                yield measure_one(runtime, pack, library)


def measure_one(runtime: Runtime, pack: Pack, library: Path) -> Promise:
    """Return the promise for a library, and the time of its session."""
    # With a URL, the dry run does not stop the embedded database after it has read it.
    url = SecretStr(runtime.database_url)
    settings = runtime.settings.model_copy(update={"database_url": url})
    dry_run = make_dry_run(settings, root=str(library), pack=pack)
    session_id = run_one(runtime, pack, library)
    took_s, phases_s = read_times(runtime.engine, session_id)
    time = dry_run.time
    assert time is not None
    promise = Promise(
        library.name,
        dry_run.listing.photos,
        round(time.low_s, 1),
        round(time.middle_s, 1),
        round(time.high_s, 1),
        round(took_s, 1),
        phases_s,
    )
    print(describe(promise), flush=True)
    return promise


def read_times(engine: Engine, session_id: int) -> tuple[float, dict[str, float]]:
    """Return the seconds of a session, and those of its phases."""
    with begin(engine) as db:
        session, phases = get_session(db, session_id), get_snapshots(db, session_id)
    assert session.started_at and session.completed_at
    phases_s = {
        phase.name.value: round((phase.completed_at - phase.started_at).total_seconds(), 1)
        for phase in phases
        if phase.started_at and phase.completed_at
    }
    return (session.completed_at - session.started_at).total_seconds(), phases_s


def describe(promise: Promise) -> str:
    """Return a line about one library."""
    said = f"{promise.low_s} to {promise.high_s} s, likely {promise.middle_s} s"
    phases = ", ".join(f"{promise.phases_s.get(name.value, 0)}" for name in PhaseName)
    kept = "held" if promise.is_kept else "NOT HELD"
    start = f"{promise.library:<14}{promise.photos:>6} photos  {said}; took {promise.took_s} s"
    return f"{start} ({phases})  {kept}"


def report(promises: Sequence[Promise], *, as_json: bool) -> None:
    """Print the share of promises that were kept, and the median error of the middle."""
    off = sorted(abs(one.middle_s - one.took_s) / one.took_s for one in promises)
    figures = {
        "libraries": len(promises),
        "held": sum(one.is_kept for one in promises),
        "share_held": round(sum(one.is_kept for one in promises) / len(promises), 3),
        "median_error": round(off[len(off) // 2], 3),
        "median_width": round(
            sorted(one.high_s / one.low_s for one in promises)[len(promises) // 2], 2
        ),
    }
    for name, value in figures.items():
        print(f"{name:<16}{value}")
    if as_json:
        print(json.dumps(figures | {"promises": [asdict(one) for one in promises]}))


if __name__ == "__main__":
    main()
