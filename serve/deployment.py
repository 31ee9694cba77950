"""The application as a Ray Serve deployment; each replica builds its parts from plain values."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import ray
from ray import serve
from ray.actor import ActorHandle
from ray.serve import Application

from cluster.actors.progress_actor import start_progress_actor
from cluster.actors.search_actor import start_face_search
from cluster.actors.shared_snapshots import read_snapshot, snapshots_path
from cluster.core.errors import BadSetting, PackNotFound
from cluster.logs import bind, log_to_stderr
from cluster.notify_settings import make_notify_options, read_notify_options
from cluster.ray_internals import listen_on_loopback
from cluster.server_settings import check_exposure
from cluster.settings import (
    ENV_PREFIX,
    SECRETS,
    Settings,
    backup_policy,
    load_settings,
    name_namespace,
    phase_weights,
    settings_as_options,
    settings_for_jobs,
)
from cluster.store.backups.routine import back_up_before_upgrade
from cluster.store.database.engine import build_engine, check_database
from cluster.store.database.schema import upgrade_schema
from cluster.tasks.ingest import ReadLimits
from cluster.tasks.probing import time_in_task
from cluster.vision.films.posters import make_poster
from cluster.vision.packs.detector_options import DetectorOptions
from cluster.vision.packs.pack_files import AUTO, resolve_pack
from cluster.vision.photos.previews import make_preview
from serve.app import AppParts, build_app
from serve.live.ray_progress import RayProgress
from serve.parts import PackChoice
from serve.ray_probe import RayProbe
from serve.ray_search import RaySearch
from serve.submit import JobSubmitter
from serve.suggestion_lists import SuggestionLists

APP_NAME = "headcount"
POOL_SIZE = 10


@serve.deployment(
    name="http",
    num_replicas=1,
    # An open event stream counts as a request, so the default of 5 would block other requests.
    max_ongoing_requests=10_000,
    ray_actor_options={"num_cpus": 0},
    # Otherwise open streams would delay the end of the program.
    graceful_shutdown_timeout_s=2,
    graceful_shutdown_wait_loop_s=0.5,
    logging_config={"enable_access_log": False},
)
@serve.ingress()
class Http:
    """One replica: it builds the application in its own process."""

    def __init__(
        self, settings_options: Mapping[str, Any], namespace: str, submit: JobSubmitter
    ) -> None:
        log_to_stderr()
        listen_on_loopback()
        bind(__name__).info("replica started")
        settings = read_settings(settings_options)
        self.parts = build_parts(settings, namespace=namespace, submit=submit)
        self.application = build_app(self.parts)

    def __serve_build_asgi_app__(self) -> Any:
        """Return the application; Ray Serve calls this once, in the replica."""
        return self.application

    def check_health(self) -> None:
        """Raise RuntimeError if the subscription to the live view has ended.

        Ray Serve then replaces the replica.
        """
        follower = getattr(self.application.state, "follower", None)
        if follower is not None and follower.done():
            raise RuntimeError("The subscription to the live view has ended.")


def read_settings(options: Mapping[str, Any]) -> Settings:
    """Return the settings of this process. Raises BadSetting.

    `options` take precedence over the environment, and the environment over the settings file,
    whose path is the option `config`. Secrets are not among the options.
    """
    others = {name: value for name, value in options.items() if name != "config"}
    config = options.get("config")
    return load_settings(config=None if config is None else Path(config), options=others)


def build_parts(settings: Settings, *, namespace: str, submit: JobSubmitter) -> AppParts:
    """Return the parts of a replica: an engine of its own, and the shared ProgressActor."""
    database_url = require_database_url(settings)
    weights = phase_weights(settings)
    token = settings.api_token.get_secret_value() if settings.api_token else None
    start = partial(start_search, models_dir=settings.models_dir, options=search_options(settings))
    connect = partial(
        start_progress_actor,
        database_url,
        weights=weights,
        namespace=namespace,
        data_dir=settings.data_dir,
        read_notify=partial(read_notify_options, settings.config, settings.data_dir),
    )
    node_id = ray.get_runtime_context().get_node_id()
    snapshots = snapshots_path(settings.data_dir, namespace=namespace, node_id=node_id)
    return AppParts(
        engine=build_engine(database_url, pool_size=POOL_SIZE),
        progress=RayProgress(connect, read_snapshot=partial(read_snapshot, snapshots)),
        submit=submit,
        allowed_roots=tuple(str(root) for root in settings.allowed_roots),
        api_token=token,
        allowed_hosts=(settings.host, *settings.allowed_hosts),
        cors_origins=tuple(settings.cors_origins),
        pack=settings.pack,
        choose_pack=partial(choose_pack, models_dir=settings.models_dir),
        dashboard_url=submit.dashboard_url,
        search=RaySearch(start).find_faces,
        search_max_bytes=settings.search_max_bytes,
        time_photos=RayProbe(probe_starter(settings)).time,
        make_preview=partial(
            make_preview,
            max_bytes=settings.max_file_bytes,
            max_pixels=settings.max_pixels,
            timeout_s=settings.photo_timeout_s,
        ),
        make_poster=partial(
            make_poster, max_pixels=settings.max_pixels, timeout_s=settings.photo_timeout_s
        ),
        suggestions=SuggestionLists(min_quality=settings.min_quality),
        data_dir=settings.data_dir,
        weights=weights,
        channels=tuple(channel.name for channel in make_notify_options(settings).channels),
        main_bar=settings.main_bar,
        backups=backup_policy(settings),
    )


def probe_starter(settings: Settings) -> Callable[..., Any]:
    """Return a function that starts a task to time photos before a session."""
    return partial(
        start_probe,
        models_dir=settings.models_dir,
        options=search_options(settings),
        limits=ReadLimits(settings.max_file_bytes, settings.max_pixels, settings.photo_timeout_s),
        detectors=settings.detectors,
    )


def start_search(pack: PackChoice, *, models_dir: Path, options: DetectorOptions) -> ActorHandle:
    """Start a search actor with the models of `pack`. Raises PackNotFound if they are gone."""
    opened = resolve_pack(pack.wanted, models_dir=models_dir)
    if opened.name != pack.name:
        raise PackNotFound(pack.name, f"{pack.wanted} now holds {opened.name}.")
    return start_face_search(opened, options)


def start_probe(
    paths: Sequence[str],
    pack: PackChoice,
    *,
    models_dir: Path,
    options: DetectorOptions,
    limits: ReadLimits,
    detectors: int | None,
) -> ray.ObjectRef:
    """Start a task that times these photos. Raises PackNotFound if the pack's models are gone."""
    opened = resolve_pack(pack.wanted, models_dir=models_dir)
    named = time_in_task.options(name=f"probe[{pack.name}]")
    return named.remote(
        list(paths), pack=opened, options=options, limits=limits, detectors=detectors
    )


def search_options(settings: Settings) -> DetectorOptions:
    """Return the options for uploaded photos: those of the library, but on the CPU.

    GPUs are for sessions.
    """
    return DetectorOptions(
        min_score=settings.min_score,
        min_size_px=settings.min_face_px,
        provider="cpu",
        threads=settings.detector_threads,
        max_pixels=settings.max_pixels,
        max_bytes=settings.search_max_bytes,
        timeout_s=settings.photo_timeout_s,
    )


def require_database_url(settings: Settings) -> str:
    """Return the URL of the running database. Raises BadSetting if it is not set."""
    if settings.database_url is None:
        raise BadSetting("database_url", "a replica needs the URL of the running database.")
    return settings.database_url.get_secret_value()


def choose_pack(wanted: str, *, models_dir: Path) -> PackChoice:
    """Return the pack that `wanted` means on this machine; "auto" is resolved to a name."""
    pack = resolve_pack(wanted, models_dir=models_dir)
    return PackChoice(pack.name, pack.name if wanted == AUTO else wanted)


def deploy(
    settings_options: Mapping[str, Any],
    *,
    namespace: str,
    dashboard_address: str,
    job_runtime_env: Mapping[str, Any] | None = None,
) -> None:
    """Deploy the application at / of the running Serve instance, and wait until it answers.

    `settings_options` are those of `settings_as_options`, and the URL of a running database that
    needs no password. Jobs that are started over HTTP are submitted to `dashboard_address` with
    `job_runtime_env`.
    """
    submit = JobSubmitter(
        address=dashboard_address, python=sys.executable, runtime_env=dict(job_runtime_env or {})
    )
    app = bind_http(settings_options, namespace=namespace, submit=submit)
    serve.run(app, name=APP_NAME, route_prefix="/")


def build_application(arguments: Mapping[str, Any]) -> Application:
    """Return the application for `serve deploy`; configs/serve.yaml imports it.

    `arguments` are settings by name, and `config`, the path of a settings file. Both take
    precedence over the environment. Secrets must come from the environment of the nodes or from the
    file, because Ray shows the arguments. The database schema is upgraded to this version. Raises
    BadSetting, for example without a token: the server of a cluster is open to the network.
    """
    refuse_secrets(arguments)
    settings = read_settings(arguments)
    check_exposure(settings, is_cluster=True)
    url = require_database_url(settings)
    engine = build_engine(url)
    check_database(engine)
    policy = backup_policy(settings)
    keep = partial(back_up_before_upgrade, engine, policy, now=datetime.now(UTC))
    upgrade_schema(engine, before=keep)
    engine.dispose()
    address = ray.get_runtime_context().gcs_address
    for_jobs = settings.model_copy(update={"ray_address": address, "serve_enabled": False})
    submit = JobSubmitter(
        address=address,
        python=sys.executable,
        runtime_env={"env_vars": settings_for_jobs(for_jobs)},
    )
    return bind_http(settings_as_options(settings), namespace=name_namespace(url), submit=submit)


def refuse_secrets(arguments: Mapping[str, Any]) -> None:
    """Raise BadSetting if the arguments of an application contain a secret."""
    for name in SECRETS & arguments.keys():
        raise BadSetting(
            name,
            f"Ray shows the arguments of an application. Set {ENV_PREFIX}{name.upper()} in the "
            "environment of the nodes, or give the path of a settings file as `config`.",
        )


def bind_http(
    settings_options: Mapping[str, Any], *, namespace: str, submit: JobSubmitter
) -> Application:
    """Return the application, bound to the arguments of its replicas."""
    return cast(serve.Deployment, Http).bind(dict(settings_options), namespace, submit)
