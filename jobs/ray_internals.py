"""What a Ray of our own needs that Ray has no option for: four private names of Ray 2.60.

Each is used in one place: a new version of Ray fails here and in the tests, not in silence.
"""

from __future__ import annotations

from typing import Any, cast

from ray import _raylet
from ray._private import ray_constants, services
from ray._private.parameter import RayParams
from ray._private.ray_constants import DEFAULT_DASHBOARD_AGENT_LISTEN_PORT, PROCESS_TYPE_DASHBOARD

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


def let_agent_choose_its_port() -> None:
    """Let several Rays on one machine take jobs.

    The agent that starts them listens on one fixed port, for which `ray.init` has no option; where
    it is taken, no job can be submitted. Ray's own test clusters give None as well.
    """
    begin = RayParams.__init__
    fixed = DEFAULT_DASHBOARD_AGENT_LISTEN_PORT
    begin.__defaults__ = tuple(None if v == fixed else v for v in begin.__defaults__ or ())


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
