"""Runs Ray's commands `ray` and `serve` with the token of the Ray that this user has started.

`make` runs `python -m jobs.ray_cli --install`, which replaces both commands in the environment's
bin folder. Then `ray job submit`, `ray list` and the others need no token from the user. Options
that the user has set for Ray take precedence.
"""

from __future__ import annotations

import importlib
import shlex
import sys
from pathlib import Path

from cluster.environment import (
    PROJECT_DIR,
    is_ray_mode_set,
    is_ray_token_named,
    prepare_loopback_environment,
)
from cluster.ray_internals import stay_on_this_machine
from cluster.settings import load_settings
from jobs.running.local_ray import use_token
from jobs.running.ray_files import find_any_token, list_running

COMMANDS = {"ray": ("ray.scripts.scripts", "main"), "serve": ("ray.serve.scripts", "cli")}
INSTALL = "--install"


def main(arguments: list[str] | None = None) -> int:
    """Run one of Ray's commands, which ends the process with its own exit status."""
    name, *rest = sys.argv[1:] if arguments is None else arguments
    if name == INSTALL:
        install(Path(sys.executable).parent)
        return 0
    sys.argv = [name, *rest]
    find_the_token()
    module, function = COMMANDS[name]
    getattr(importlib.import_module(module), function)()
    return 0


def install(bin_dir: Path) -> None:
    """Write a script for each command to `bin_dir`, replacing Ray's."""
    python = shlex.quote(str(bin_dir / "python"))
    path = shlex.quote(str(PROJECT_DIR))
    for name in COMMANDS:
        script = bin_dir / name
        new = script.with_name(f"{name}.new")
        new.write_text(
            f"#!/bin/sh\n# Ray's own command: see jobs/ray_cli.py.\n"
            f'PYTHONPATH={path}"${{PYTHONPATH:+:$PYTHONPATH}}" exec {python} -P -c '
            f"'from jobs.ray_cli import main; main()' {name} \"$@\"\n"
        )
        new.chmod(0o755)
        new.replace(script)


def find_the_token() -> None:
    """Make this process send the token of this user's Ray, if there is one."""
    if is_ray_mode_set() or is_ray_token_named():
        return
    data_dir = load_settings().data_dir
    token = find_any_token(data_dir)
    if token is None:
        return
    use_token(token)
    if list_running(data_dir):
        prepare_loopback_environment()
        stay_on_this_machine()


if __name__ == "__main__":
    sys.exit(main())
