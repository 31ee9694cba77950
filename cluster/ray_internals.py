"""All uses of Ray's private names, each checked before it is used.

Ray 2.60 has no options for the following needs. Each line names the private name that is used, and
what Ray offers instead.

* A local Ray on loopback alone: `ray_constants.ENABLE_RAY_CLUSTER`. Ray does it on macOS and
  Windows only; a local head ignores `--node-ip-address`.
* Free ports for all agents: `RayParams.__init__`. `ray.init` has no option for three of the four.
* No log monitor, and no dashboard at all: `RayParams.__init__` and `services.start_api_server`.
  `ray.init(include_dashboard=False)` starts the dashboard with its usage module alone.
* A dashboard without its usage module: `services.start_ray_process`. With RAY_USAGE_STATS_ENABLED=0
  nothing is sent, but the module still asks the metadata services of three clouds.
* A token that was set after the import: `_raylet.AuthenticationTokenLoader`. Ray reads it once.
* Replicas on loopback: `replica.add_port_to_grpc_server`. Ray Serve binds all interfaces.
* A worker that ends after its task: `FunctionActorManager`. `max_calls` is fixed when the task
  is declared.

Each function checks the names that it is about to use, and raises RayChanged, with the version of
Ray, when one is missing. So an incompatible Ray fails at its start, with a message.
"""

from __future__ import annotations

import inspect
import random
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, cast

import ray
from ray import _raylet
from ray._private import ray_constants, services, worker
from ray._private.parameter import RayParams
from ray._private.ray_constants import PROCESS_TYPE_DASHBOARD, PROCESS_TYPE_RAYLET

from cluster.core.errors import RayChanged, RayUnavailable

LOOPBACK = "127.0.0.1"
MOST_CALLS = 1 << 30
"""`max_calls` of tasks whose process may have to end early; no process reaches this number."""

AGENT_PORTS = ("dashboard_agent_listen_port", "metrics_agent_port", "runtime_env_agent_port")
PORTS = range(26_000, 32_768)
"""Above the ports of Ray's workers (10002 to 19999), and below the ephemeral ports of the kernel
(32768 and up, which include Ray's own 44217 and 44227). Another process could take an ephemeral
port before the agent listens on it, and without an agent the raylet ends."""
LISTEN_PORT = re.compile(r"--listen-port=(\d+)")
"""The option in the raylet's command by which services.py gives the dashboard's agent its port."""

DASHBOARD_MODULES = (
    "DataHead",
    "EventHead",
    "JobHead",
    "MetricsHead",
    "NodeHead",
    "PlatformEventsHead",
    "ReportHead",
    "ServeHead",
    "StateHead",
    "TaskEventsHead",
    "TrainHead",
)
"""All modules of Ray's dashboard except UsageStatsHead. Ray refuses a list with an unknown name."""


def stay_on_this_machine() -> None:
    """Make a local Ray listen on loopback alone, and be found there.

    Anyone who reaches Ray's ports can run code. On macOS and Windows Ray uses loopback by itself;
    elsewhere it takes the address of the network and ignores options. The processes that Ray starts
    read the variable from the environment; this process read it at import, so it is changed here.
    """
    check_names(ray_constants, "ENABLE_RAY_CLUSTER")
    ray_constants.ENABLE_RAY_CLUSTER = False


def give_agents_free_ports() -> int:
    """Make the next Ray of this process use ports that are free now for its agents.

    Returns the port for `ray.init(_metrics_export_port=...)`, which has no option for the other
    ports. One agent's default port is fixed, so a second Ray on the machine would accept no jobs.
    The raylet waits fifteen seconds for agents that choose their own ports, and ends itself when
    the machine is too busy to start a Python process in that time.
    """
    with ExitStack() as stack:
        # All sockets stay open until the last port is found, so that the ports differ.
        export, *probes = [stack.enter_context(socket.socket()) for _ in (None, *AGENT_PORTS)]
        export_port = bind_free_port(export)
        ports = [bind_free_port(probe) for probe in probes]
    change_start(**dict(zip(AGENT_PORTS, ports, strict=True)))
    return export_port


def start_no_log_monitor() -> None:
    """Make the next Rays of this process start without the log monitor, a Python process.

    It sends the output of workers to drivers, and drivers of a local Ray do not read it
    (`log_to_driver`).
    """
    change_start(include_log_monitor=False)


@contextmanager
def without_dashboard() -> Iterator[None]:
    """Start a Ray in this block without the dashboard and without the autoscaler's monitor.

    The dashboard shows what the monitor reports, and a local Ray starts no nodes. With
    `include_dashboard=False`, Ray would start the dashboard all the same, with the module for usage
    statistics alone.
    """
    check_names(services, "start_api_server")
    start = services.start_api_server
    services.start_api_server = lambda *_, **__: (None, None)
    change_start(no_monitor=True)
    try:
        yield
    finally:
        services.start_api_server = start
        change_start(no_monitor=False)


def change_start(**options: object) -> None:
    """Change the defaults of options that `ray.init` does not have. Raises RayChanged."""
    begin = RayParams.__init__
    names = list(inspect.signature(begin).parameters)
    given = begin.__defaults__ or ()
    defaults = dict(zip(names[-len(given) :], given, strict=True))
    for name in options:
        if name not in defaults:
            raise RayChanged(ray.__version__, f"RayParams has no {name}")
    begin.__defaults__ = tuple((defaults | options).values())


def bind_free_port(probe: socket.socket) -> int:
    """Bind a socket to a free port of PORTS on loopback, chosen at random, and return the port."""
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port
    raise RayUnavailable(f"No port of {PORTS.start} to {PORTS.stop - 1} is free on this machine.")


def complete_commands() -> None:
    """Make Ray's own processes start with options that `ray.init` cannot set.

    The dashboard starts without its module for usage statistics. Even when statistics are off, this
    module asks the metadata services of Azure, Google and Amazon where it runs
    (`get_cloud_from_metadata_requests` in Ray's usage_lib.py). The raylet receives the port of the
    dashboard's agent; Ray gives the port to the agent alone, and the raylet would wait for it.
    """
    check_names(services, "start_ray_process")
    start = services.start_ray_process
    if getattr(start, "completes_commands", False):
        return

    def start_completed(command: list[str], process_type: str, *args: Any, **options: Any) -> Any:
        return start(complete(command, process_type), process_type, *args, **options)

    cast(Any, start_completed).completes_commands = True
    services.start_ray_process = start_completed


def complete(command: list[str], process_type: str) -> list[str]:
    """Return the command of one of Ray's processes with Headcount's options added.

    Raises RayChanged when the raylet's command does not contain the port of the agent.
    """
    if process_type == PROCESS_TYPE_DASHBOARD:
        return [*command, f"--modules-to-load={','.join(DASHBOARD_MODULES)}"]
    if process_type == PROCESS_TYPE_RAYLET:
        port = LISTEN_PORT.search(" ".join(command))
        if port is None:
            raise RayChanged(ray.__version__, "the raylet's command has no --listen-port")
        return [*command, f"--dashboard_agent_listen_port={port[1]}"]
    return command


def read_token_settings_again() -> None:
    """Make Ray in this process read its token settings again, which changed after its import."""
    check_names(_raylet, "Config", "AuthenticationTokenLoader")
    raylet = cast(Any, _raylet)
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()


def listen_on_loopback() -> None:
    """Open this replica's port for other replicas on loopback, if Ray itself is on loopback.

    Ray Serve would open the port on all interfaces, and a replica unpickles what it receives.
    """
    from ray.serve._private import replica  # noqa: PLC0415

    if ray.util.get_node_ip_address() == LOOPBACK:
        check_names(replica, "add_port_to_grpc_server")
        add_port = replica.add_port_to_grpc_server
        replica.add_port_to_grpc_server = lambda server, _: add_port(server, f"{LOOPBACK}:0")


def leave_after_this_task() -> None:
    """End this process after its current task, which must be declared with MOST_CALLS.

    Ray ends the process of a task after `max_calls` calls: it stores the result, releases the
    lease, and sends no other task. A running task cannot ask for this through a public option, so
    Ray's count of calls is set to one below MOST_CALLS.
    """
    manager = worker.global_worker.function_actor_manager
    check_names(manager, "_function_execution_info", "_num_task_executions")
    for function_id, info in manager._function_execution_info.items():
        if info.max_calls == MOST_CALLS:
            manager._num_task_executions[function_id] = MOST_CALLS - 1


def check_names(place: object, *names: str) -> None:
    """Raise RayChanged unless `place`, a module or an object of Ray's, has all the names."""
    for name in names:
        if not hasattr(place, name):
            where = getattr(place, "__name__", type(place).__name__)
            raise RayChanged(ray.__version__, f"{where} has no {name}")
