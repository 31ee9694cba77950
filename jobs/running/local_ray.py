"""Connects to Ray for a run: to a named cluster, or to a local Ray that it starts.

A local Ray listens only on loopback and always requires its token, which only this user can read.
Other commands of this user find its address and token in `data_dir/ray` (see ray_files.py).
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import psutil
import ray
from ray.exceptions import AuthenticationError, RayError

from cluster.core.errors import RayUnavailable
from cluster.environment import (
    ask_for_ray_token,
    is_ray_open,
    is_ray_token_named,
    name_ray_token,
    prepare_environment,
    prepare_loopback_environment,
    ray_address_from_environment,
    temporary_files_in,
)
from cluster.ray_internals import (
    complete_commands,
    give_agents_free_ports,
    read_token_settings_again,
    start_no_log_monitor,
    stay_on_this_machine,
    without_dashboard,
)
from cluster.settings import Settings
from jobs.running.command import say
from jobs.running.ray_files import (
    RunningRay,
    announced,
    find_token,
    list_running,
    open_ray_folder,
    provide_token,
)
from jobs.running.raylet_watch import has_ended, raylet_watched

ADDRESS_FILE = "ray_current_cluster"
"""Ray's processes read the address of their cluster from this file in Ray's temporary folder."""

FOR_SHOW = (
    "dashboard/dashboard.py",
    "autoscaler/_private/monitor.py",
    "autoscaler/v2/monitor.py",
)
"""The scripts of Ray's dashboard and of the autoscaler's monitor, which can be killed: they have no
state."""

STARTS = 4
END_LIMIT_S = 10.0
POLL_S = 0.02
SAY_INTERVAL_S = 10.0
REACH_S = 10.0
NO_PROXY = (("grpc.enable_http_proxy", 0),)
FAILURES = (RayError, RuntimeError, ConnectionError, TimeoutError, ValueError, OSError)
"""The errors of `ray.init` when it cannot connect. When a start fails, it raises `Exception`."""


def named_address(settings: Settings) -> str | None:
    """Return the address of the cluster in the settings or in RAY_ADDRESS; None without one."""
    return settings.ray_address or ray_address_from_environment()


@contextmanager
def connected(address: str | None, *, settings: Settings, namespace: str) -> Iterator[Any]:
    """Connect to the cluster at `address`, or start a local Ray; yield Ray's context.

    Disconnects at the end, and ends the local Ray. Raises RayUnavailable.
    """
    prepare_environment()
    with ExitStack() as stack:
        folder = None
        if address is not None:
            context = connect(address, namespace=namespace)
        else:
            folder = stack.enter_context(open_ray_folder())
            stack.callback(end_processes, folder)
            stack.enter_context(temporary_files_in(folder))
            context = start(folder, settings=settings, namespace=namespace)
            gcs_address = ray.get_runtime_context().gcs_address
            (folder / ADDRESS_FILE).write_text(gcs_address)
            running = RunningRay(gcs_address, context.dashboard_url or "", str(folder))
            stack.enter_context(announced(running, data_dir=settings.data_dir))
        stack.callback(shut_down, folder)
        if folder is not None:
            stack.enter_context(raylet_watched(folder, end=partial(end_processes, folder)))
        yield context


def connect(address: str, *, namespace: str) -> Any:
    """Connect to the Ray cluster at `address`; raise RayUnavailable, naming it, on failure."""
    check_reachable(address)
    try:
        return ray.init(
            address=address, namespace=namespace, log_to_driver=False, logging_level=logging.FATAL
        )
    except FAILURES as error:
        ray.shutdown()
        reason = describe_refusal(error)
        message = f"The Ray cluster at {address} refused the connection: {reason}"
        raise RayUnavailable(message) from error


def describe_refusal(error: Exception) -> str:
    """Return why the connection to a cluster failed, and what to do."""
    if isinstance(error, AuthenticationError):
        return (
            "it requires a token. Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a file with "
            "the cluster's token."
        )
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    return f"{said} Is it running, with Ray {ray.__version__}?"


def check_reachable(address: str) -> None:
    """Raise RayUnavailable unless a gRPC server listens at `address`, HOST:PORT or ray://HOST:PORT.

    Ray itself would try for two minutes, and log each try.
    """
    if address == "auto":
        return
    cure = "Start the cluster, or unset RAY_ADDRESS and HEADCOUNT_RAY_ADDRESS to use this machine."
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
        if not host or not port:
            raise ValueError("write it as HOST:PORT")
        # gRPC retries a refused connection, or an unknown name, until its time is up.
        socket.create_connection((host, port), timeout=REACH_S).close()
        with grpc.insecure_channel(f"{host}:{port}", options=NO_PROXY) as channel:
            grpc.channel_ready_future(channel).result(timeout=REACH_S)
    except (grpc.FutureTimeoutError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        reason = reason or f"no answer within {REACH_S:g} seconds"
        raise RayUnavailable(f"No Ray cluster answers at {address}: {reason}. {cure}") from error


def start(folder: Path, *, settings: Settings, namespace: str) -> Any:
    """Start a local Ray whose files are in `folder`; raise RayUnavailable on failure.

    On a very busy machine, the wait is reported on stderr, and the start is repeated.
    """
    prepare_loopback_environment()
    use_token(provide_token(settings.data_dir) if needs_own_token() else None)
    stay_on_this_machine()
    complete_commands()
    start_no_log_monitor()
    for left in reversed(range(STARTS)):
        try:
            export_port = give_agents_free_ports()
            with said_while_waiting("waiting for Ray to start"):
                return init(
                    folder,
                    namespace=namespace,
                    export_port=export_port,
                    has_dashboard=settings.ray_dashboard,
                )
        except Exception as error:  # Ray raises Exception itself when a start takes too long.
            ray.shutdown()
            end_processes(folder)
            said = str(error).strip().partition("\n")[0]
            if not left or not takes_too_long(said):
                raise RayUnavailable(
                    f"Ray could not be started on this machine: {said} Its logs are in "
                    f"{folder}. Run `python -m jobs.doctor` to find the cause."
                ) from error
            say(f"Ray did not start in time ({said}) Trying again.")
    raise AssertionError("the last start returns or raises")


def try_again(begin: Callable[[], object], *, after: Callable[[], object], what: str) -> None:
    """Call `begin`, and repeat it when a busy machine makes it fail; report the wait on stderr.

    `after` cleans up after a failure; `what` names the thing in messages. Raises RayUnavailable
    after the last failure.
    """
    for left in reversed(range(STARTS)):
        try:
            with said_while_waiting(f"waiting for {what} to start"):
                begin()
            return
        except FAILURES as error:
            after()
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            if not left:
                raise RayUnavailable(f"{what} could not be started: {reason}") from error
            say(f"{what} did not start ({reason}). Trying again.")


def init(folder: Path, *, namespace: str, export_port: int, has_dashboard: bool) -> Any:
    """Start Ray with its files in `folder`, connect to it, and return its context."""
    with nullcontext() if has_dashboard else without_dashboard():
        return ray.init(
            address="local",
            namespace=namespace,
            include_dashboard=has_dashboard,
            log_to_driver=False,
            logging_level=logging.FATAL,
            _temp_dir=str(folder),
            _metrics_export_port=export_port,
        )


def takes_too_long(said: str) -> bool:
    """Tell whether a start failed because the machine is busy, so that another may succeed."""
    return any(word in said.lower() for word in ("timed out", "timeout", "time out", "failed to"))


def shut_down(folder: Path | None) -> None:
    """Disconnect from Ray, and end all processes of a local Ray in `folder`.

    `ray.shutdown` asks each of Ray's processes to end, and waits up to a second for each in turn.
    The dashboard and the monitors do not end when they are asked, so they are killed first.
    """
    started = [] if folder is None else list_processes(folder)
    send_kill([one for one in started if is_for_show(one)])
    ray.shutdown()
    kill(started)


def is_for_show(process: psutil.Process) -> bool:
    """Tell whether a process of Ray is its dashboard, or one of its monitors."""
    return any(part.endswith(FOR_SHOW) for part in _line(process))


def end_processes(folder: Path) -> None:
    """Kill the processes that a start left running: those with `folder` in their command."""
    kill(list_processes(folder))


def list_processes(folder: Path) -> list[psutil.Process]:
    """Return this process's descendants that were started for a Ray in `folder`."""
    started: dict[int, psutil.Process] = {}
    for process in psutil.Process().children(recursive=True):
        if str(folder) in " ".join(_line(process)):
            started[process.pid] = process
            with suppress(psutil.Error):
                started |= {child.pid: child for child in process.children(recursive=True)}
    return list(started.values())


def kill(processes: list[psutil.Process]) -> None:
    """Kill the processes, and wait until they have ended, at most END_LIMIT_S.

    A zombie has ended, even if its parent never reaps it.
    """
    send_kill(processes)
    deadline = time.monotonic() + END_LIMIT_S
    while (left := [one for one in processes if not has_ended(one)]) and (
        time.monotonic() < deadline
    ):
        psutil.wait_procs(left, timeout=POLL_S)


def send_kill(processes: list[psutil.Process]) -> None:
    """Kill those of the processes that still run, without waiting for their end."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _line(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def needs_own_token() -> bool:
    """Tell whether a local Ray gets its token from Headcount, because the user has set none."""
    return not is_ray_open() and not is_ray_token_named()


def use_token(file: Path | None) -> None:
    """Make Ray require the token in `file`, or the one that the environment names."""
    if file is not None:
        name_ray_token(file)
    elif not is_ray_open():
        ask_for_ray_token()
    read_token_settings_again()


def find_clusters(settings: Settings) -> list[str]:
    """Return the addresses of the Ray clusters of this library; this process can connect to them.

    They are the cluster in the settings or in RAY_ADDRESS; without one, the local Rays that this
    user has started, the oldest first.
    """
    named = named_address(settings)
    if named is not None:
        return [named]
    running = list_running(settings.data_dir)
    if running:
        prepare_loopback_environment()
        use_token(find_token(settings.data_dir) if needs_own_token() else None)
        stay_on_this_machine()
    return [ray.address for ray in running]


@contextmanager
def said_while_waiting(what: str, *, interval_s: float = SAY_INTERVAL_S) -> Iterator[None]:
    """Print `what` and the waited time on stderr every `interval_s` until the block ends."""
    over, began = threading.Event(), time.monotonic()

    def repeat() -> None:
        while not over.wait(interval_s):
            say(f"{what} ({time.monotonic() - began:.0f} s)")

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
