"""Whatever happens to files, during sessions and between them: what users did stays done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.file_drills import drill_library

pytestmark = pytest.mark.long


@pytest.mark.drill
def test_names_and_decisions_outlive_all_that_happens_to_files(tmp_path: Path) -> None:
    said: list[str] = []
    found = drill_library(tmp_path, seed=1, rounds=2, say=said.append)
    assert not found, "\n".join(said)
