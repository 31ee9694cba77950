"""What the doctor says of the installed packages, the settings and the pack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.vision.packs.opening import Opening, read_told
from jobs.doctor.checks import Level
from jobs.doctor.configuration import check_variables, read_usable
from jobs.doctor.pack import judge as judge_pack
from jobs.doctor.package_versions import compare, describe_headcount, read_pins
from tests.unit.findings import levels, spoken

# Versions.


LOCK = (
    "numpy==2.4 ; python_full_version < '3.12' \\\n    --hash=sha256:ab\n"
    "numpy==2.5 ; python_full_version >= '3.12' \\\n    --hash=sha256:ab\n"
    "ray==2.60 \\\n    --hash=sha256:ab\ncolorama==1 ; sys_platform == 'win32'\n"
)


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        ({"numpy": "2.5", "ray": "2.60"}, None),
        ({"numpy": "2.4", "ray": "2.60", "extra": "1"}, None),
        ({"numpy": "2.6", "ray": "2.60"}, "numpy is 2.6, not 2.4 or 2.5"),
        ({"numpy": "2.5"}, "ray 2.60 is missing"),
        ({"ray": "2.60"}, None),
    ],
)
def test_what_is_installed_is_compared_with_the_lock(
    installed: dict[str, str], said: str | None
) -> None:
    found = compare(read_pins(LOCK), installed, lock="cpu.txt")
    assert (found.level is Level.OK) == (said is None)
    assert (said or "those of cpu.txt") in found.says


def test_the_version_is_that_of_the_changelog_where_there_is_no_git(tmp_path: Path) -> None:
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.3\n\n## 1.2.2\n")
    assert describe_headcount(tmp_path).startswith("1.2.3 ")
    (tmp_path / "CHANGELOG.md").unlink()
    assert describe_headcount(tmp_path).startswith("unknown")


# Settings.


def test_values_that_cannot_be_used_are_left_out_and_the_others_kept(tmp_path: Path) -> None:
    settings, left_out = read_usable(
        {"port": "abc", "data_dir": str(tmp_path), "prot": 1, "weight_training": 0.9, "host": "::1"}
    )
    assert set(left_out) == {"port", "prot", "weight_training"}
    assert (settings.data_dir, settings.host, settings.port) == (tmp_path, "::1", 8000)


def test_an_empty_token_is_left_out_and_opens_nothing() -> None:
    settings, left_out = read_usable({"api_token": " "})
    assert (settings.api_token, left_out) == (None, ("api_token",))


def test_telemetry_that_was_turned_on_is_a_warning_and_values_of_others_are_not_told() -> None:
    found = list(check_variables({"ORT_DISABLE_TELEMETRY": "0", "PGSERVICE": "work-secret"}))
    assert levels(iter(found)) == [Level.WARNING, Level.NOTE]
    assert "work-secret" not in spoken(iter(found))
    assert not list(check_variables({"ORT_DISABLE_TELEMETRY": "1"}))


# The pack.


OPENED = Opening(("CPUExecutionProvider",), "Pack x.", "insightface", "/m/x", {"a.onnx": 5}, "CPU")


def test_models_that_open_are_all_well() -> None:
    assert set(levels(judge_pack(OPENED, requested="auto", provider="auto"))) == {Level.OK}


def test_a_process_that_is_ended_by_the_processor_is_told_so() -> None:
    told = '{"providers": ["A"], "explanation": "Pack x.", "kind": "bundled", "folder": "/m"}\n'
    opening = read_told(told, "", status=-4)
    assert opening.explanation == "Pack x."
    said = spoken(judge_pack(opening, requested="auto", provider="auto"))
    assert "SIGILL" in said
    assert "this processor lacks" in said


def test_a_process_that_fails_is_told_by_its_last_words() -> None:
    opening = read_told("noise\n", "Traceback\nRuntimeError: bad file\n", status=1)
    assert "RuntimeError: bad file" in (opening.error or "")


def test_cuda_that_falls_back_to_the_processor_is_a_warning() -> None:
    opening = replace(OPENED, providers=("CUDAExecutionProvider", "CPUExecutionProvider"))
    assert Level.WARNING in levels(judge_pack(opening, requested="auto", provider="auto"))
    assert Level.WARNING not in levels(judge_pack(opening, requested="auto", provider="cpu"))
