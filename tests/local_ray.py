"""Rays that tests start themselves: tried again when a busy machine holds one up.

A raylet gives its agents fifteen seconds to start, which nothing prolongs, and then ends.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
import ray

from cluster.environment import prepare_environment
from cluster.ray_internals import give_agents_free_ports, read_token_settings_again
from jobs.running.local_ray import takes_too_long
from tests.waiting import wait_until

T = TypeVar("T")


_kept: ExitStack = ExitStack()


def keep_ray() -> None:
    """Leave a Ray with two CPUs behind, the same one as long as no test wants another."""
    global _kept
    if not ray.is_initialized():
        prepare_environment()
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hc-ray-"))
            stack.enter_context(local_ray(num_cpus=2, include_dashboard=False, _temp_dir=folder))
            _kept = stack.pop_all()


def end_kept_ray() -> None:
    """End the Ray that `keep_ray` started, if there is one."""
    _kept.close()


@contextmanager
def local_ray(**options: Any) -> Iterator[Any]:
    """Give the context of a Ray on this machine, which has a token of its own and ends here."""
    end_kept_ray()
    begin = partial(ray.init, address="local", log_to_driver=False, logging_level="ERROR")
    with own_token():
        context = start_surely(partial(begin, **options))
        try:
            yield context
        finally:
            ray.shutdown()


@contextmanager
def own_token() -> Iterator[None]:
    """Name a new token to Ray; the user's own may be written anew at any moment."""
    with tempfile.TemporaryDirectory(prefix="hc-token-") as folder:
        file = Path(folder, "token")
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RAY_AUTH_MODE", "token")
            patch.setenv("RAY_AUTH_TOKEN_PATH", str(file))
            patch.delenv("RAY_AUTH_TOKEN", raising=False)
            read_token_settings_again()
            yield
        read_token_settings_again()


def start_surely(start: Callable[[], T]) -> T:
    """Return what `start` returns as soon as it does not take too long for Ray."""

    def try_once() -> list[T]:
        before = set(psutil.Process().children(recursive=True))
        give_agents_free_ports()
        try:
            return [start()]
        except Exception as error:  # Ray raises Exception itself.
            for process in set(psutil.Process().children(recursive=True)) - before:
                process.kill()
            if not takes_too_long(str(error)):
                raise
            return []

    return wait_until(try_once, "a Ray starts")[0]
