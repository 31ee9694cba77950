"""What a Ray of our own needs that Ray has no option for: four private names of Ray 2.60.

Each is used in one place: a new version of Ray fails here and in the tests, not in silence.
"""

from __future__ import annotations

import inspect
import re
import socket
from contextlib import ExitStack
from typing import Any, cast

from ray import _raylet
from ray._private import ray_constants, services
from ray._private.parameter import RayParams
from ray._private.ray_constants import PROCESS_TYPE_DASHBOARD, PROCESS_TYPE_RAYLET

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
        export.bind(("127.0.0.1", 0))
        for name, probe in zip(AGENT_PORTS, probes, strict=True):
            probe.bind(("127.0.0.1", 0))
            assert name in defaults, f"Ray's RayParams has no {name}"
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
        assert port, "Ray's raylet is not told the command of the dashboard's agent"
        return [*command, f"--dashboard_agent_listen_port={port[1]}"]
    return command


def read_token_settings_again() -> None:
    """Let this process see what was said about Ray's token since Ray was imported."""
    raylet = cast(Any, _raylet)
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()
