"""What a Ray of our own needs that Ray has no option for: four private names of Ray 2.60.

Each is used in one place: a new version of Ray fails here and in the tests, not in silence.
"""

from __future__ import annotations

import inspect
import socket
from contextlib import ExitStack
from typing import Any, cast

from ray import _raylet
from ray._private import ray_constants, services
from ray._private.parameter import RayParams
from ray._private.ray_constants import PROCESS_TYPE_DASHBOARD

AGENT_PORTS = ("dashboard_agent_listen_port", "metrics_agent_port", "runtime_env_agent_port")

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


def give_agents_free_ports() -> None:
    """Let the next Ray of this process be told the ports of its agents, which are free now.

    `ray.init` has no option for them. One agent's is fixed, so a second Ray on the machine would
    take no jobs. For those that choose their own, the raylet waits fifteen seconds, and ends itself
    on a machine that is too busy to start a Python process in that time.
    """
    begin = RayParams.__init__
    names = list(inspect.signature(begin).parameters)
    given = begin.__defaults__ or ()
    defaults = dict(zip(names[-len(given) :], given, strict=True))
    with ExitStack() as stack:
        # All are held until the last is found, so that they differ.
        probes = [stack.enter_context(socket.socket()) for _ in AGENT_PORTS]
        for name, probe in zip(AGENT_PORTS, probes, strict=True):
            probe.bind(("127.0.0.1", 0))
            assert name in defaults, f"Ray's RayParams has no {name}"
            defaults[name] = probe.getsockname()[1]
    begin.__defaults__ = tuple(defaults.values())


def leave_out_usage_statistics() -> None:
    """Let the dashboard of a local Ray start without its module for usage statistics.

    With usage statistics off, that module still asks the metadata services of Azure, Google and
    Amazon where it is (`get_cloud_from_metadata_requests` in Ray's usage_lib.py).
    """
    start = services.start_ray_process
    if getattr(start, "leaves_out_usage_statistics", False):
        return

    def start_without(command: list[str], process_type: str, *args: Any, **options: Any) -> Any:
        if process_type == PROCESS_TYPE_DASHBOARD:
            command = [*command, f"--modules-to-load={','.join(DASHBOARD_MODULES)}"]
        return start(command, process_type, *args, **options)

    cast(Any, start_without).leaves_out_usage_statistics = True
    services.start_ray_process = start_without


def read_token_settings_again() -> None:
    """Let this process see what was said about Ray's token since Ray was imported."""
    raylet = cast(Any, _raylet)
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()
