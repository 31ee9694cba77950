"""A pytest plugin: what other packages wait for takes as long as the machine needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from ray._private import services

from tests.waiting import PATIENT_RAY, wait_until

# An example may take as long as it likes.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

get_node_once = services.get_node


def get_node_patiently(gcs_address: str, node_id: str) -> Any:
    """Return a node of a Ray that starts, once it is there; `ray.init` waits half a minute."""

    def find_node() -> Any:
        try:
            return get_node_once(gcs_address, node_id)
        except RuntimeError:
            return None

    return wait_until(find_node, "the node of a Ray that starts")


@pytest.fixture(scope="session", autouse=True)
def patient_ray() -> Iterator[None]:
    """Each Ray that the tests start in this process is waited for."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PATIENT_RAY.items():
            patch.setenv(name, value)
        patch.setattr(services, "get_node", get_node_patiently)
        yield
