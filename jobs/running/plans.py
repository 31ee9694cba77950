"""Makes the plan of a session from the settings: its pack, its detectors and their resources."""

from __future__ import annotations

import os
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal

import ray

from cluster.core.errors import (
    BadRoot,
    BadSetting,
    DatabaseUnavailable,
    DatabaseUnusable,
    PackNotFound,
)
from cluster.core.files.paths import decoded_folder, is_url, path_to_text
from cluster.core.files.urls import normalise_url
from cluster.core.pictures.films import FilmLimits
from cluster.pipeline.plan import Plan, WorkerOptions
from cluster.pipeline.workers import count_detectors_by_node
from cluster.ray_meter import RayMeter
from cluster.settings import Settings
from cluster.store.condition import look_at_embedded
from cluster.store.database.engine import Engine, begin
from cluster.store.database.retries import RetryPolicy
from cluster.store.sessions.library_rows import explain_bad_root
from cluster.store.sessions.session_rows import (
    SessionInfo,
    create_session,
    find_unfinished_session,
    get_session,
)
from cluster.tasks.clustering import ClusteringOptions
from cluster.tasks.ingest import ReadLimits
from cluster.vision.packs.detector import DetectorOptions, choose_provider
from cluster.vision.packs.pack_files import BUNDLED, Pack, resolve_pack
from cluster.vision.packs.pack_thresholds import find_thresholds
from cluster.vision.photos.decoded_cache import DecodedCopies
from cluster.vision.photos.images import DECODE_LONG_SIDE_PX
from jobs.running.runtime import Runtime, open_database, revive_database

DECODE_THREADS = 4


def normalise_root(root: str) -> str:
    """Return a URL in its normal form, or a folder as an absolute path with links resolved.

    Raises BadRoot for a URL that has no normal form or contains a password.
    """
    return normalise_url(root) if is_url(root) else os.path.realpath(os.path.expanduser(root))


def explain_root(settings: Settings, error: BadRoot) -> BadRoot:
    """Return the error about an absent or empty root, extended by the number of known photos.

    If there is no database, or it cannot be read, the error is returned as it is.
    """
    try:
        is_embedded = settings.database_url is None
        if is_embedded and not look_at_embedded(settings.data_dir).is_made:
            return error
        with open_database(settings) as (_, engine), begin(engine) as db:
            return explain_bad_root(db, error, path_to_text(error.root))
    except (DatabaseUnavailable, DatabaseUnusable, OSError):
        return error


def choose_session(
    engine: Engine,
    *,
    root: str | None,
    name: str | None,
    resume: int | None,
    pack: Pack | None,
    now: datetime,
) -> SessionInfo:
    """Return the session to run: the one to resume, an unfinished one over this root, or a new one.

    Raises NotFound for an unknown id, BadSetting when the root is not that session's.
    """
    with begin(engine) as db:
        if resume is not None:
            session = get_session(db, resume)
            # The root may have become a link since then; the walk checks where it leads.
            if root not in (None, session.root, normalise_root(session.root)):
                raise BadSetting("--root", f"the root of session {session.id} is {session.root}.")
            return session
        if root is None or pack is None:
            raise BadSetting("--root", "name the folder of the photos.")
        unfinished = find_unfinished_session(db, root=root, pack=pack.name)
        if unfinished is not None:
            return unfinished
        options = {"pack": BUNDLED if pack.kind == BUNDLED else str(pack.folder)}
        return create_session(db, root=root, name=name, pack=pack.name, options=options, now=now)


def open_pack(session: SessionInfo, settings: Settings, *, chosen: Pack | None) -> Pack:
    """Return the pack that a session was created with.

    `chosen` is the pack from the command line, or None if the session is resumed by its id. Raises
    PackNotFound if the session's folder has another pack now, because embeddings of different packs
    are never mixed within a session.
    """
    if chosen is not None and chosen.name == session.pack:
        return chosen
    wanted = session.options.get("pack", session.pack)
    pack = resolve_pack(wanted, models_dir=settings.models_dir)
    if pack.name != session.pack:
        raise PackNotFound(session.pack, f"{wanted} contains {pack.name} now.")
    return pack


def make_plan(runtime: Runtime, session: SessionInfo, pack: Pack) -> Plan:
    """Return the plan by which the pipeline runs this session on this runtime."""
    settings = runtime.settings
    confined = session.options.get("confined_to")
    return Plan(
        engine=runtime.engine,
        database_url=runtime.database_url,
        progress=runtime.progress,
        session_id=session.id,
        root=session.root,
        confined_to=None if confined is None else tuple(Path(folder) for folder in confined),
        pack=pack,
        limits=ReadLimits(
            max_bytes=settings.max_file_bytes,
            max_pixels=settings.max_pixels,
            timeout_s=settings.photo_timeout_s,
            film=make_film_limits(settings),
            takes_films=settings.films,
        ),
        detector=make_detector_options(settings),
        copies=find_copies_place(settings, session, pack),
        workers=make_worker_options(settings, pack, session.root),
        clustering=ClusteringOptions(
            min_quality=settings.min_quality,
            min_cluster_size=settings.min_cluster_size,
            min_samples=settings.min_samples,
            thresholds=find_thresholds(pack.name),
            films_found_people=settings.films_found_people,
        ),
        retry=RetryPolicy(on_wait=partial(wait_for_database, runtime, session.id)),
        meter=RayMeter(),
        history_days=settings.history_days,
    )


def wait_for_database(runtime: Runtime, session_id: int, waiting_for: str | None) -> None:
    """Show that the session waits for its database, and restart an embedded one."""
    runtime.progress.waiting.remote(session_id, waiting_for)
    revive_database(runtime.settings, waiting_for)


def find_copies_place(settings: Settings, session: SessionInfo, pack: Pack) -> DecodedCopies | None:
    """Return where decoded photos are kept for face detection; None when they are not kept.

    They are not kept on several nodes, with fixed detector sizes, or when the setting is 0.
    """
    nodes = sum(1 for node in ray.nodes() if node["Alive"])
    if settings.detector_sizes != "auto" or not settings.decoded_copies_bytes or nodes > 1:
        return None
    folder = decoded_folder(settings.data_dir, session.id)
    return DecodedCopies(folder, None if pack.kind == BUNDLED else DECODE_LONG_SIDE_PX)


def make_detector_options(settings: Settings) -> DetectorOptions:
    """Return the options of the detectors, from the settings."""
    return DetectorOptions(
        min_score=settings.min_score,
        min_size_px=settings.min_face_px,
        sizes=parse_sizes(settings.detector_sizes),
        threads=settings.detector_threads,
        provider=settings.provider,
        batch=settings.model_batch,
        precision=settings.detector_precision,
        max_pixels=settings.max_pixels,
        max_bytes=settings.max_file_bytes,
        timeout_s=settings.photo_timeout_s,
        film=make_film_limits(settings),
    )


def make_film_limits(settings: Settings) -> FilmLimits:
    """Return the limits of the work for one film, from the settings."""
    return FilmLimits(frames=settings.film_frames, timeout_s=settings.film_timeout_s)


def parse_sizes(text: str) -> Literal["auto"] | tuple[tuple[int, int], ...]:
    """Return "auto", or the (width, height) pairs of a list such as "128x128,640x640".

    Raises BadSetting for any other text.
    """
    if text == "auto":
        return "auto"
    try:
        pairs = [tuple(int(side) for side in size.split("x")) for size in text.split(",")]
        return tuple((width, height) for width, height in pairs)
    except ValueError:
        wanted = "write auto, or sizes such as 128x128,640x640"
        raise BadSetting("detector_sizes", f"{wanted} (it is {text!r}).") from None


def make_worker_options(settings: Settings, pack: Pack, root: str) -> WorkerOptions:
    """Return the number of workers and the resources of each; with CUDA, each detector has a GPU.

    Decoding ahead keeps a GPU busy and hides the latency of a network. On the CPU, decoding would
    only compete with the model.
    """
    uses_gpu = choose_provider(pack, settings.provider) == "CUDA"
    gpus = settings.detector_gpus
    if gpus is None:
        gpus = 1.0 if uses_gpu and ray.cluster_resources().get("GPU", 0) else 0.0
    threads = settings.decode_threads
    if threads is None:
        threads = DECODE_THREADS if uses_gpu or is_url(root) else 0
    return WorkerOptions(
        training_batch=settings.training_batch,
        detection_batch=settings.detection_batch,
        batches_in_flight=settings.batches_in_flight,
        detectors=settings.detectors,
        detectors_min=settings.detectors_min,
        detectors_max=settings.detectors_max,
        detector_resource=settings.detector_resource,
        detector_cpus=settings.detector_cpus,
        detector_gpus=gpus,
        decode_threads=threads,
        decoded_copies_bytes=settings.decoded_copies_bytes,
    )


def describe_plan(plan: Plan, session: SessionInfo) -> str:
    """Return one line with the pack, the provider and the number of detectors."""
    detectors = sum(count_detectors_by_node(plan.workers).values())
    actors = "1 detector" if detectors == 1 else f"{detectors} detectors"
    provider = choose_provider(plan.pack, plan.detector.provider)
    return f"Session {session.id}: {plan.pack.explanation} It runs on {provider} with {actors}."
