"""A pytest plugin: the time-outs of other packages are long enough for slow machines."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

from tests.waiting import PATIENT_RAY

# An example of Hypothesis has no deadline.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def patient_ray() -> Iterator[None]:
    """Every Ray that tests start from this process waits patiently."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PATIENT_RAY.items():
            patch.setenv(name, value)
        yield
