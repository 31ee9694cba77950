"""A pytest plugin: what other packages wait for takes as long as the machine needs."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

from tests.waiting import PATIENT_RAY

# An example may take as long as it likes.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def patient_ray() -> Iterator[None]:
    """Each Ray that the tests start in this process is patient."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PATIENT_RAY.items():
            patch.setenv(name, value)
        yield
