"""Checks of the settings of the HTTP server before it is started."""

from __future__ import annotations

import ipaddress

from cluster.core.errors import BadSetting
from cluster.settings import Settings


def check_exposure(settings: Settings, *, is_cluster: bool = False) -> None:
    """Raise BadSetting when other machines could reach the HTTP server, and no token is set."""
    if settings.api_token is not None or settings.allow_without_token:
        return
    if is_cluster or not is_loopback(settings.host):
        where = "a cluster" if is_cluster else settings.host
        raise BadSetting(
            "api_token",
            f"the HTTP server would show all faces to everybody who reaches {where}. Set "
            "HEADCOUNT_API_TOKEN, or HEADCOUNT_ALLOW_WITHOUT_TOKEN=true to allow this.",
        )


def check_local_server(settings: Settings) -> None:
    """Raise BadSetting when this machine's HTTP server may not or cannot be started."""
    check_exposure(settings)
    check_has_dashboard(settings)


def check_has_dashboard(settings: Settings) -> None:
    """Raise BadSetting when Ray would have no dashboard.

    The HTTP server starts and resumes sessions as Ray jobs, and Ray's dashboard accepts them.
    """
    if not settings.ray_dashboard:
        raise BadSetting(
            "ray_dashboard",
            "the HTTP server needs Ray's dashboard to start sessions. Set "
            "HEADCOUNT_SERVE_ENABLED=false too, or leave the dashboard on.",
        )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
