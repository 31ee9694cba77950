"""`python -m jobs.train --root DIR --dry-run`: reports what a session would find; starts none.

The database is read, and a few photos are timed. No Ray is started, and no row is written.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from cluster.core.dry_runs import (
    COUNT_WORDS,
    Compared,
    DryListing,
    DryRun,
    describe_kinds,
    describe_range,
)
from cluster.core.errors import BadSetting
from cluster.core.files.gone import describe_confirming
from cluster.core.files.paths import path_to_text
from cluster.core.time_left.dry_times import PastSessions, expect_time
from cluster.pipeline.dry_run import LibraryListing
from cluster.settings import Settings
from cluster.store.condition import look_at_embedded
from cluster.store.database.engine import begin
from cluster.store.sessions.workloads import get_past
from cluster.tasks.ingest import ReadLimits
from cluster.tasks.probing import Room
from cluster.vision.packs.detector import choose_provider
from cluster.vision.packs.pack_files import Pack
from jobs.doctor.machine import read_file, read_limits
from jobs.doctor.units import describe_bytes
from jobs.probe_process import open_probe
from jobs.running.plans import make_detector_options
from jobs.running.root_checks import check_root_and_pack
from jobs.running.runtime import open_database
from serve.bodies.dry_run_bodies import DryRunBody


def look_first(options: argparse.Namespace, settings: Settings) -> int:
    """Print what a session over the root would find and how long it would take; return 0.

    Raises BadSetting for options that exclude each other, and BadRoot or PackNotFound as a session
    would.
    """
    if not options.dry_run:
        raise BadSetting("--json", "use it with --dry-run.")
    if options.resume is not None:
        raise BadSetting("--dry-run", "use it with --root instead of --resume.")
    root, pack = check_root_and_pack(options.root, settings)
    dry_run = make_dry_run(settings, root=root, pack=pack)
    if options.json:
        body = DryRunBody.from_dry_run(dry_run, root=path_to_text(root), pack=pack.name)
        print(body.model_dump_json())
    else:
        print(describe(dry_run, root=root, pack=pack))
    return 0


def make_dry_run(settings: Settings, *, root: str, pack: Pack) -> DryRun:
    """Return what a session over `root` would find, and its time.

    The database is read if there is one. Raises RootUnreachable, DatabaseUnavailable or
    DatabaseUnusable.
    """
    limits = ReadLimits(settings.max_file_bytes, settings.max_pixels, settings.photo_timeout_s)
    options = make_detector_options(settings)
    uses_gpu = choose_provider(pack, settings.provider) == "CUDA"
    room = Room(count_cpus(), settings.detectors or (1 if uses_gpu else None))
    with open_probe(pack, options=options, limits=limits) as process:
        compared, past = compare(settings, root=root, pack=pack.name)
        timed = process.time(compared.paths, room=room) if compared.paths else None
    time = expect_time(compared.listing.work, timed=timed, past=past)
    is_measured = timed is not None or past.knows_photos or not compared.paths
    return DryRun(compared.listing, time, is_measured)


def compare(settings: Settings, *, root: str, pack: str) -> tuple[Compared, PastSessions]:
    """Return the listing, compared with the database, and the times of earlier sessions.

    Without a database, none is created, and all photos are new.
    """
    listing = LibraryListing(root, silence_s=settings.photo_timeout_s)
    if settings.database_url is None and not look_at_embedded(settings.data_dir).is_made:
        return listing.take_as_new(), PastSessions()
    with open_database(settings) as (_, engine):
        compared = listing.compare(engine, pack=pack, continues=True)
        with begin(engine) as db:
            return compared, get_past(db, pack=pack)


def count_cpus() -> int:
    """Return the CPUs of this process, within the limit of its cgroup, as Ray counts them."""
    limit, _ = read_limits(read_file(Path("/proc/self/cgroup")))
    cpus = len(os.sched_getaffinity(0))
    return cpus if limit is None else max(1, min(cpus, int(limit)))


def describe(dry_run: DryRun, *, root: str, pack: Pack) -> str:
    """Return the report for a terminal: aligned figures, then sentences."""
    figures = list_figures(dry_run.listing)
    width = max(len(name) for name, _ in figures) + 2
    lines = [f"{path_to_text(root)}, with pack {pack.name}", ""]
    lines += [f"  {name:<{width}}{value}" for name, value in figures]
    return "\n".join([*lines, "", *list_sentences(dry_run, root=root)])


def list_figures(listing: DryListing) -> list[tuple[str, str]]:
    """Return the names and values of the report, in its order."""
    kinds = [kind for kind in COUNT_WORDS if listing.counts.get(kind)]
    digits = len(f"{listing.photos:,}")
    figures = [("photos", f"{listing.photos:>{digits},}")]
    figures += [(f"  {COUNT_WORDS[kind]}", f"{listing.counts[kind]:>{digits},}") for kind in kinds]
    if listing.gone and listing.known is not None:
        figures.append(("not there", f"{listing.gone:>{digits},} of {listing.known:,} known files"))
    unknown = f", and {listing.sizes_unknown:,} of unknown size" if listing.sizes_unknown else ""
    figures.append(("size", describe_bytes(listing.size_bytes) + unknown))
    figures.append(("to read", describe_bytes(listing.bytes_to_read)))
    if kinds_passed_over := describe_kinds(listing):
        figures.append(("passed over", kinds_passed_over))
    return figures


def list_sentences(dry_run: DryRun, *, root: str) -> list[str]:
    """Return the sentences below the figures: doubts, the unfinished session, and the time."""
    listing, said = dry_run.listing, []
    if listing.unconfirmed is not None:
        said.append(f"{listing.unconfirmed} {describe_confirming(path_to_text(root))}")
    if listing.unfinished is not None:
        said.append(
            f"Session {listing.unfinished.session_id} is unfinished, and would be continued."
        )
    if not (listing.to_read or listing.to_search):
        said.append("There is nothing to read.")
    if not dry_run.is_measured:
        said.append("No photo could be timed, so the time is only a guess.")
    if dry_run.time is not None:
        said.append(f"A session would take {describe_range(dry_run.time)}.")
    return [*said, "Nothing was started."]
