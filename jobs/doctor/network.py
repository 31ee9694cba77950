"""Checks the ports, the processes that use them, and who can reach the HTTP server."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.core.errors import BadSetting
from cluster.environment import ray_address_from_environment
from cluster.server_settings import check_exposure, check_has_dashboard, is_loopback
from cluster.settings import Settings
from jobs.doctor.checks import Finding, Inquiry, note, ok, problem, warning
from jobs.doctor.configuration import read_settings
from jobs.doctor.processes import (
    descends_from,
    describe_process,
    find_holders,
    find_listener,
)
from jobs.running.exposure import warn_of_others
from jobs.running.ports import check_port
from jobs.running.ray_files import ray_files

DASHBOARD_PORT = 8265


def check(inquiry: Inquiry) -> Iterator[Finding]:
    """Report whether the ports are free, and who could reach the HTTP server."""
    settings = read_settings(inquiry).settings
    if settings.ray_address or ray_address_from_environment():
        yield note("http", "the HTTP server runs on the cluster; none is started here.")
        return
    if not settings.serve_enabled:
        yield note("http", "serve_enabled is false: no HTTP server is started.")
    else:
        yield check_http(settings)
        yield from check_reach(settings)
    yield check_dashboard(settings)


def list_drivers(settings: Settings) -> list[int]:
    """Return the ids of the living processes that have started a Ray for this library."""
    files = ray_files(settings.data_dir).glob("*.json")
    return [pid for file in files for pid in find_holders(file)]


def check_http(settings: Settings) -> Finding:
    """Report whether the server's port is free, or which process uses it."""
    place = f"{settings.host}:{settings.port}"
    try:
        check_port(settings.host, settings.port)
    except BadSetting as error:
        holder = find_listener(settings.port)
        if holder is not None and descends_from(holder, list_drivers(settings)):
            return ok("http", f"{place}: used by a run of this library, {describe_process(holder)}")
        if holder is None and "in use" not in error.reason:
            return problem("http", error.reason)
        says = f"{place} is taken by {describe_process(holder)}."
        return problem("http", says, "End that process, or set HEADCOUNT_PORT to another port.")
    return ok("http", f"{place} is free")


def check_dashboard(settings: Settings) -> Finding:
    """Report whether the usual port of Ray's dashboard is free, if a dashboard is started."""
    if not settings.ray_dashboard:
        return report_no_dashboard(settings)
    place = f"127.0.0.1:{DASHBOARD_PORT}"
    try:
        check_port("127.0.0.1", DASHBOARD_PORT)
    except BadSetting:
        holder = find_listener(DASHBOARD_PORT)
        if holder is not None and descends_from(holder, list_drivers(settings)):
            return ok("dashboard", f"{place}: used by a run of this library")
        says = f"{place} is taken by {describe_process(holder)}; Ray takes the next port."
        return note("dashboard", says)
    return ok("dashboard", f"{place} is free")


def report_no_dashboard(settings: Settings) -> Finding:
    """Report that no dashboard is started: a problem if the HTTP server is."""
    if settings.serve_enabled:
        try:
            check_has_dashboard(settings)
        except BadSetting as error:
            return problem("dashboard", error.reason)
    return note("dashboard", "ray_dashboard is false: no dashboard is started.")


def check_reach(settings: Settings) -> Iterator[Finding]:
    """Report who could see the faces over HTTP."""
    try:
        check_exposure(settings)
    except BadSetting as error:
        yield problem("reach", error.reason)
        return
    token = "with a token" if settings.api_token is not None else "without a token"
    if is_loopback(settings.host):
        yield ok("reach", f"only this machine, {token}")
    elif settings.api_token is None:
        says = "every machine that reaches it sees all faces: allow_without_token is true."
        yield warning("reach", says, "Set HEADCOUNT_API_TOKEN.")
    else:
        yield ok("reach", f"other machines too, {token}")
    others = warn_of_others(settings, page_url=f"http://{settings.host}:{settings.port}")
    if others is not None and is_loopback(settings.host):
        who, _, cure = others.partition("; ")
        yield warning("reach", f"{who}.", cure)
