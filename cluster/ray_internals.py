"""Everything that touches Ray's private names, in one place, checked before it is used.

Ray 2.60 has no option for what Headcount needs; behind each need stands the name that is used, and
what Ray offers instead.

* A local Ray on loopback alone: `ray_constants.ENABLE_RAY_CLUSTER`. Ray does it on macOS and
  Windows only; a local head ignores `--node-ip-address`.
* Free ports for all agents: `RayParams.__init__`. `ray.init` has no option for three of the four.
* A dashboard without its usage module: `services.start_ray_process`. RAY_USAGE_STATS_ENABLED=0
  sends nothing, but the module still asks the metadata services of three clouds.
* A token that was set after the import: `_raylet.AuthenticationTokenLoader`. Ray reads it once.
* Replicas on loopback: `replica.add_port_to_grpc_server`. Ray Serve binds all interfaces.
* A worker that leaves after its task: `FunctionActorManager`. `max_calls` is fixed when the task
  is declared.

Each function checks what it is about to change and raises RayChanged, which names the version of
Ray, when a name is not there any more. So a new Ray fails when it starts, never in silence.
"""

from __future__ import annotations

import inspect
import re
import socket
from contextlib import ExitStack
from typing import Any, cast

import ray
from ray import _raylet
from ray._private import ray_constants, services, worker
from ray._private.parameter import RayParams
from ray._private.ray_constants import PROCESS_TYPE_DASHBOARD, PROCESS_TYPE_RAYLET

from cluster.core.errors import RayChanged

LOOPBACK = "127.0.0.1"
MOST_CALLS = 1 << 30
"""`max_calls` of tasks whose process may have to leave; no process gets there by working."""

AGENT_PORTS = ("dashboard_agent_listen_port", "metrics_agent_port", "runtime_env_agent_port")
LISTEN_PORT = re.compile(r"--listen-port=(\d+)")
"""How services.py tells the dashboard's agent its port, in the raylet's command."""

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
"""All modules of Ray's dashboard but UsageStatsHead. Ray refuses a list with a name it lacks."""


def stay_on_this_machine() -> None:
    """Let a local Ray listen on loopback alone, and be found there.

    Who reaches its ports runs what code he likes.

    Ray does so on macOS and Windows; elsewhere it takes the address of the network, whatever it is
    told. The processes that it starts read it from the environment, this one has read it.
    """
    check_names(ray_constants, "ENABLE_RAY_CLUSTER")
    ray_constants.ENABLE_RAY_CLUSTER = False


def give_agents_free_ports() -> int:
    """Let the next Ray of this process be told the ports of its agents, which are free now.

    Returns the port for `ray.init(_metrics_export_port=...)`; it has no option for the others. One
    agent's is fixed, so a second Ray on the machine would take no jobs. For those that choose their
    own, the raylet waits fifteen seconds, and ends itself on a machine that is too busy to start a
    Python process in that time.
    """
    begin = RayParams.__init__
    names = list(inspect.signature(begin).parameters)
    given = begin.__defaults__ or ()
    defaults = dict(zip(names[-len(given) :], given, strict=True))
    with ExitStack() as stack:
        # All are held until the last is found, so that they differ.
        export, *probes = [stack.enter_context(socket.socket()) for _ in (None, *AGENT_PORTS)]
        export.bind((LOOPBACK, 0))
        for name, probe in zip(AGENT_PORTS, probes, strict=True):
            probe.bind((LOOPBACK, 0))
            if name not in defaults:
                raise RayChanged(ray.__version__, f"RayParams has no {name}")
            defaults[name] = probe.getsockname()[1]
        export_port = int(export.getsockname()[1])
    begin.__defaults__ = tuple(defaults.values())
    return export_port


def complete_commands() -> None:
    """Let Ray's own processes start with the options that `ray.init` cannot give them.

    The dashboard leaves out its module for usage statistics: with these off, it still asks the
    metadata services of Azure, Google and Amazon where it is (`get_cloud_from_metadata_requests` in
    Ray's usage_lib.py). The raylet is told the port of the dashboard's agent, for which it would
    otherwise wait; Ray tells only the agent.
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
    """Return the command of one of Ray's processes with our options."""
    if process_type == PROCESS_TYPE_DASHBOARD:
        return [*command, f"--modules-to-load={','.join(DASHBOARD_MODULES)}"]
    if process_type == PROCESS_TYPE_RAYLET:
        port = LISTEN_PORT.search(" ".join(command))
        if port is None:
            raise RayChanged(ray.__version__, "the raylet is not told the agent's --listen-port")
        return [*command, f"--dashboard_agent_listen_port={port[1]}"]
    return command


def read_token_settings_again() -> None:
    """Let this process see what was said about Ray's token since Ray was imported."""
    check_names(_raylet, "Config", "AuthenticationTokenLoader")
    raylet = cast(Any, _raylet)
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()


def listen_on_loopback() -> None:
    """Let this replica's port for other replicas be on loopback where all of Ray is.

    Ray Serve opens it on all interfaces, and what comes in is unpickled.
    """
    from ray.serve._private import replica  # noqa: PLC0415

    if ray.util.get_node_ip_address() == LOOPBACK:
        check_names(replica, "add_port_to_grpc_server")
        add_port = replica.add_port_to_grpc_server
        replica.add_port_to_grpc_server = lambda server, _: add_port(server, f"{LOOPBACK}:0")


def leave_after_this_task() -> None:
    """End this process once the task that it does now, one of MOST_CALLS, has returned.

    Ray ends the process of a task by itself after `max_calls` calls: the result is stored, the
    lease is given back, and nothing else is sent to the process. There is no public way to say so
    in the middle of a task, so the count that Ray keeps is moved to one before its end.
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
