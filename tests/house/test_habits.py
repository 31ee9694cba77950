"""House habits (CONTRIBUTING.md) that a machine can check."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.house.sources import code_sources, project_files, python_sources, read_text

VAGUE_NAMES = {"base", "common", "handler", "helper", "manager", "misc", "service", "util"}

CATCH_ALL: dict[str, str] = {
    # "path:function": which of the three places it is
    "cluster/actors/detection.py:_prepare": "per photo",
    "cluster/actors/detection.py:_detect_some": "per photo",
    "cluster/actors/detection.py:_search_films": "per photo",
    "cluster/tasks/ingest.py:read_item": "per photo",
    "cluster/tasks/probing.py:_time_each": "per photo",
    "cluster/vision/sources/watched_walk.py:_run": "the caller's thread raises it again",
    "cluster/pipeline/pending.py:_walk": "the pipeline's own thread raises it again",
    "cluster/vision/sources/storage.py:as_os_errors": "raised again as an OSError",
    "cluster/vision/sources/deadlines.py:run": "the caller's thread raises it again",
    "cluster/pipeline/run.py:_work": "per session: one of an attempt that is over is told, no more",
    "jobs/train.py:run_watched": "per session",
    "jobs/running/local_ray.py:start": "a start of Ray: it raises Exception when it took too long",
    "jobs/running/command.py:as_command": "nothing is handled but what Ctrl-C broke off",
    "jobs/doctor/checks.py:_collect": "per check: the doctor tells what failed, and goes on",
    "cluster/store/backups/remote_backups.py:send_backup": "raised again as BackupFailed",
    "cluster/store/backups/remote_backups.py:fetch_backup": "raised again as BadBackup",
    "serve/restore_runs.py:run": "recorded for whoever asks, and raised again",
    "bench/mutations.py:read_mutation": "a check: any other error is what it looks for",
}
"""Per photo in the workers, per session in jobs/, and the table of HTTP errors. Nowhere else."""

ENVIRONMENT_READERS = {
    "cluster/settings.py",
    "cluster/environment.py",
    "cluster/__init__.py",
    "cluster/store/server/libpq.py",  # It only removes what libpq would read.
    "jobs/install.py",  # For pip and uv, in an environment that has no settings yet.
}


def test_no_module_has_a_vague_name() -> None:
    vague = [
        source.path
        for source in python_sources()
        for part in Path(source.path).with_suffix("").parts
        if {word.removesuffix("s") for word in part.split("_")} & VAGUE_NAMES
    ]
    assert not vague


def test_no_class_or_function_has_a_vague_name() -> None:
    vague = [
        f"{source.path}:{node.lineno} {node.name}"
        for source in code_sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if re.search(r"(Manager|Service|Helper|Util)s?$|(^|_)(helper|util)s?($|_)", node.name)
    ]
    assert not vague


def test_everything_is_caught_in_three_places_only() -> None:
    found = {
        f"{source.path}:{function.name}"
        for source in code_sources()
        for function in source.functions()
        for node in ast.walk(function)
        if isinstance(node, ast.ExceptHandler) and catches_everything(node)
    }
    assert found == set(CATCH_ALL), "each handler that catches everything needs its reason here"


def test_no_error_is_swallowed_without_a_word() -> None:
    silent = [
        f"{source.path}:{node.lineno}"
        for source in code_sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler)
        and catches_everything(node)
        and all(isinstance(statement, ast.Pass) for statement in node.body)
    ]
    assert not silent


def test_the_environment_is_read_in_the_settings_only() -> None:
    readers = {
        source.path
        for source in code_sources()
        if source.path.startswith(("cluster/", "serve/", "jobs/"))
        and re.search(
            r"\bos\.(environ|getenv)\b|from os import .*\b(environ|getenv)\b", source.text
        )
    }
    assert readers <= ENVIRONMENT_READERS


def test_the_core_reads_no_clock_and_opens_no_file() -> None:
    forbidden = re.compile(
        r"\b(time\.(time|monotonic|sleep)|datetime\.now|open)\(|^import random", re.M
    )
    asking = [
        source.path
        for source in code_sources()
        if source.path.startswith("cluster/core/") and forbidden.search(source.text)
    ]
    assert not asking


def test_every_module_says_what_it_is() -> None:
    silent = [
        source.path
        for source in python_sources()
        if source.text.strip() and not ast.get_docstring(source.tree)
    ]
    assert not silent


def test_test_folders_are_no_packages() -> None:
    """`tests/serve/__init__.py` would shadow the serve package."""
    assert not [path for path in project_files() if re.match(r"tests/.*__init__\.py$", path)]


def test_test_names_are_rules() -> None:
    """A rule is a sentence of at least three words."""
    short = [
        f"{source.path}:{function.lineno} {function.name}"
        for source in python_sources()
        if source.path.startswith("tests/")
        for function in source.functions()
        if function.name.startswith("test_") and function.name.count("_") < 3
    ]
    assert not short


def test_no_file_names_a_registry_or_a_machine() -> None:
    hosts = ["pypi" + ".org", "python" + "hosted", "registry.npm" + "js", "--index" + "-url"]
    places = ["work", "root", "home", "Users"]
    pattern = re.compile(
        "|".join([*map(re.escape, hosts), rf"(?<![\w.~:/])/({'|'.join(places)})/"])
    )
    naming = [
        f"{path}:{number} {line.strip()[:80]}"
        for path in project_files()
        for number, line in enumerate(read_text(path).splitlines(), start=1)
        if pattern.search(line.replace("--no-emit" + "-index-url", ""))
    ]
    assert not naming


def catches_everything(handler: ast.ExceptHandler) -> bool:
    """Tell `except:`, `except Exception` and `except BaseException`, alone or in a tuple."""
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(n, ast.Name) and n.id in {"Exception", "BaseException"} for n in caught)
