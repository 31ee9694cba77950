"""Starts the services of a session: the database, Ray, the live view and the HTTP application.

On one machine, all four are started and ended here. Inside a Ray job, or with the address of a
cluster, Ray and the HTTP application belong to the cluster and are not started or ended.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import ray
from ray.actor import ActorHandle

from cluster.actors.progress_actor import start_progress_actor
from cluster.core.errors import BadSetting, DatabaseUnavailable
from cluster.core.reports import Throttle
from cluster.environment import is_ray_open
from cluster.logs import log_to_file, log_to_stderr
from cluster.notify_settings import read_notify_options
from cluster.server_settings import check_local_server
from cluster.settings import (
    Settings,
    backup_policy,
    name_namespace,
    phase_weights,
    settings_as_environment,
    settings_as_options,
)
from cluster.store.backups.routine import back_up_before_upgrade
from cluster.store.database.engine import Engine, build_engine, check_database
from cluster.store.database.retries import RetryPolicy
from cluster.store.database.schema import upgrade_schema
from cluster.store.server.embedded import is_embedded_running, start_embedded, stop_embedded
from jobs.running.command import say
from jobs.running.exposure import warn_of_others
from jobs.running.local_ray import connected, named_address, try_again
from jobs.running.ports import wait_for_port
from jobs.running.ray_files import was_killed
from serve.links import page_link

SAY_INTERVAL_S = 2.0


@dataclass(frozen=True)
class Runtime:
    """The database, Ray, the live view and the addresses of a running Headcount."""

    settings: Settings
    engine: Engine
    database_url: str
    progress: ActorHandle
    namespace: str
    dashboard_url: str | None
    page_url: str | None

    @property
    def urls(self) -> dict[str, str]:
        """The addresses to open in a browser, by their names in the summary of a run."""
        urls: dict[str, str] = {}
        if self.page_url:
            urls |= {"page": self.link("/"), "API document": self.link("/docs")}
        if self.dashboard_url:
            urls["Ray dashboard"] = self.dashboard_url
            if not is_ray_open():
                urls["its token"] = "run .venv/bin/ray get-auth-token"
        return urls

    def link(self, path: str) -> str:
        """Return the address of a page, with the token when one is set."""
        token = self.settings.api_token
        secret = None if token is None else token.get_secret_value()
        url = self.page_url if secret is None and path == "/" else f"{self.page_url}{path}"
        return page_link(url or "", secret)

    def ensure_database(self) -> None:
        """Start the embedded database again if it died; do nothing for an external one."""
        ensure_embedded(self.settings)

    @property
    def retry(self) -> RetryPolicy:
        """The retry policy for transactions before and after a session's phases."""
        return build_retry_policy(self.settings)


@contextmanager
def open_database(settings: Settings) -> Iterator[tuple[str, Engine]]:
    """Open the database, upgrade its tables, and yield its URL and an engine.

    Without `database_url`, the embedded PostgreSQL is started, and stopped at the end unless
    another process still uses it. Raises DatabaseUnavailable or DatabaseUnusable.
    """
    is_embedded = settings.database_url is None
    if settings.database_url is None:
        url = start_embedded(settings.data_dir)
    else:
        url = settings.database_url.get_secret_value()
    engine, retry = build_engine(url), build_retry_policy(settings)
    try:
        # The embedded database has just answered. An external URL may be wrong, so no retry.
        check = partial(check_database, engine)
        retry.run(check) if is_embedded else check()
        retry.run(partial(upgrade_schema, engine, before=partial(keep_before, settings, engine)))
        yield url, engine
    finally:
        engine.dispose()
        if is_embedded:
            stop_embedded(settings.data_dir)


def keep_before(settings: Settings, engine: Engine) -> None:
    """Make a backup before the tables are upgraded, if there are decisions since the last one.

    Raises BackupFailed, whose message says how to upgrade without a backup.
    """
    say("the tables are from an earlier version; a backup is made before they are upgraded")
    back_up_before_upgrade(engine, backup_policy(settings), now=datetime.now(UTC))


def build_retry_policy(settings: Settings) -> RetryPolicy:
    """Return the retry policy of a command for a database that has answered before.

    Waits are reported on stderr, and an embedded database is restarted.
    """
    throttle = Throttle(SAY_INTERVAL_S)

    def wait(waiting_for: str | None) -> None:
        revive_database(settings, waiting_for)
        if waiting_for is not None and throttle.admit(now=time.monotonic()):
            say(waiting_for)

    return RetryPolicy(on_wait=wait)


def revive_database(settings: Settings, waiting_for: str | None) -> None:
    """Try to restart the embedded database if it died; do nothing for an external one.

    `waiting_for` is None when the database is back.
    """
    if waiting_for is None:
        return
    with suppress(DatabaseUnavailable):
        ensure_embedded(settings)


def ensure_embedded(settings: Settings) -> None:
    """Start the embedded database if it does not run; raise DatabaseUnavailable on failure."""
    if settings.database_url is None and not is_embedded_running(settings.data_dir):
        start_embedded(settings.data_dir)


@contextmanager
def open_runtime(settings: Settings, *, url: str, engine: Engine) -> Iterator[Runtime]:
    """Yield a runtime with Ray and the live view; `start_serve` adds the HTTP application.

    Raises BadSetting for a port in use, a page without a token that other machines reach, or an
    embedded database on several nodes; RayUnavailable when Ray fails.
    """
    address = named_address(settings)
    is_local = address is None
    serves = is_local and settings.serve_enabled
    namespace = name_namespace(url)
    if serves:
        check_local_server(settings)
        wait_for_port(
            settings.host, settings.port, has_leftovers=partial(was_killed, settings.data_dir)
        )
    if is_local:
        log_to_file(settings.data_dir / "logs" / "headcount.jsonl")
    else:
        log_to_stderr()
    with connected(address, settings=settings, namespace=namespace) as context:
        _refuse_embedded_on_many_nodes(settings)
        progress = start_progress_actor(
            url,
            weights=phase_weights(settings),
            namespace=namespace,
            data_dir=settings.data_dir,
            read_notify=partial(read_notify_options, settings.config, settings.data_dir),
        )
        yield Runtime(
            settings=settings,
            engine=engine,
            database_url=url,
            progress=progress,
            namespace=namespace,
            dashboard_url=f"http://{context.dashboard_url}" if context.dashboard_url else None,
            page_url=f"http://{settings.host}:{settings.port}" if serves else None,
        )


def start_serve(runtime: Runtime) -> None:
    """Deploy the HTTP application and wait until it answers; do nothing on a cluster."""
    if runtime.page_url is None:
        return
    # Imported here, because a job on a cluster does not need them and would start later.
    from ray import serve  # noqa: PLC0415

    from serve.deployment import deploy  # noqa: PLC0415

    settings = runtime.settings
    address = ray.get_runtime_context().gcs_address
    quiet = {"enable_access_log": False, "log_level": "ERROR"}
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    options = {"host": settings.host, "port": settings.port}
    begin = partial(
        serve.start, http_options=options, proxy_location="HeadOnly", logging_config=quiet
    )
    try_again(begin, after=serve.shutdown, what="the HTTP server")
    warning = warn_of_others(settings, page_url=runtime.page_url)
    if warning is not None:
        say(warning)
    for_replicas = settings_as_options(settings)
    if settings.database_url is None:
        # The URL of the embedded database has no password, because only its user may connect.
        for_replicas["database_url"] = runtime.database_url
    deploy(
        for_replicas,
        namespace=runtime.namespace,
        dashboard_address=runtime.dashboard_url or "",
        job_runtime_env=make_job_environment(runtime.settings, address=address),
    )


def make_job_environment(settings: Settings, *, address: str) -> dict[str, Any]:
    """Return the runtime environment of a session's job on the cluster at `address`."""
    for_job = settings.model_copy(update={"ray_address": address})
    return {"env_vars": settings_as_environment(for_job)}


def _refuse_embedded_on_many_nodes(settings: Settings) -> None:
    nodes = sum(1 for node in ray.nodes() if node["Alive"])
    if settings.database_url is None and nodes > 1:
        raise BadSetting(
            "database_url",
            f"this Ray cluster has {nodes} nodes, but the embedded database serves only one; "
            "set HEADCOUNT_DATABASE_URL to a PostgreSQL that every node reaches.",
        )
