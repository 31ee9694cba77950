"""Imports point inwards (ARCHITECTURE.md); pyproject.toml holds the contracts."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.house.sources import PROJECT_DIR, code_sources

CLUSTER_ROOMS = {
    *("core", "vision", "numerics", "store", "notifying", "actors", "tasks", "pipeline"),
}
OPERATORS_MODULES = {"logs.py", "ray_meter.py", "priority.py"}
CLUSTER_MODULES = {
    "__init__.py",
    "settings.py",
    "notify_settings.py",
    "server_settings.py",
    "setting_values.py",
    "environment.py",
    "private_folder.py",
    "priority.py",
    "inference.py",
    "ray_internals.py",
    *OPERATORS_MODULES,
}

LATE_IMPORTS: dict[str, str] = {
    "cluster/ray_internals.py:listen_on_loopback": "only replicas have Ray Serve loaded",
    # "path:function": why it cannot be at the top of the file
    "cluster/vision/packs/detector.py:load_detector": "each kind of pack has its own library",
    "cluster/actors/watching.py:is_job_alive": "Ray's job client is slow to import",
    "cluster/actors/watching.py:find_last_words": "Ray's job client is slow to import",
    "cluster/notifying/apprise_channels.py:_open": "only the process that sends by it needs it",
    "jobs/running/runtime.py:start_serve": "a job on a cluster serves nothing",
    "jobs/doctor/rays.py:check_cluster": "Ray is slow to import, and few name a cluster",
    "cluster/vision/readers/raw_previews.py:_load_libraw": "it takes time; few have raw photos",
    "cluster/vision/packs/opening.py:open_pack": "another process loads the model library",
    "cluster/numerics/pairs.py:measure_squared": "faiss is slow to import, and few group faces",
    "cluster/numerics/unions.py:label_components": "SciPy is slow to import, and few group faces",
    "cluster/numerics/suggestions.py:_average": "SciPy is slow to import, and few suggest",
    "cluster/tasks/ingest.py:_read_film": "FFmpeg is slow to load, and few have films",
    "cluster/actors/film_search.py:search": "FFmpeg is slow to load, and few have films",
    "cluster/vision/films/posters.py:make_poster": "FFmpeg is slow to load, and few have films",
    "cluster/vision/films/posters.py:_side_processes": "FFmpeg is slow to load",
}


def test_the_contracts_of_import_linter_hold() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run(
        [command, "--no-cache"], cwd=PROJECT_DIR, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_core_imports_the_standard_library_and_itself_only() -> None:
    foreign = [
        f"{source.path} imports {module}"
        for source in code_sources()
        if source.path.startswith("cluster/core/")
        for module in imported_modules(source.tree)
        if not module.startswith("cluster.core")
        and module.partition(".")[0] not in sys.stdlib_module_names
    ]
    assert not foreign


def test_a_new_room_of_the_cluster_is_a_decision() -> None:
    """A module outside the known packages would escape the contracts."""
    places = {Path(source.path).parts[1] for source in code_sources() if _is_cluster(source.path)}
    assert places <= CLUSTER_ROOMS | CLUSTER_MODULES


def test_imports_are_at_the_top_of_the_file() -> None:
    """In bench/, a baseline may be imported where it is measured."""
    late = {
        f"{source.path}:{function.name}"
        for source in code_sources()
        if not source.path.startswith("bench/")
        for function in source.functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert late == set(LATE_IMPORTS), "each late import needs its reason here, and no other entry"


def imported_modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _is_cluster(path: str) -> bool:
    return path.startswith("cluster/")
