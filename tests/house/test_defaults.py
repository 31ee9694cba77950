"""A default is written once: what a setting shares with the code is in cluster/core."""

from __future__ import annotations

from cluster.core.identity.thresholds import PackThresholds
from cluster.pipeline.plan import WorkerOptions
from cluster.settings import Settings
from cluster.tasks.clustering import ClusteringOptions
from cluster.vision.packs.detector_options import DetectorOptions
from cluster.vision.packs.pack_thresholds import ARCFACE

NAMED_OTHERWISE = {"min_size_px": "min_face_px", "max_bytes": "max_file_bytes"}
DECIDED_LATER = {
    # A setting of None, or another setting, decides these when the plan is made.
    "detector_gpus",
    "decode_threads",
    "decoded_copies_bytes",
    "sizes",
    "batch",
}


def test_the_settings_and_the_values_made_of_them_have_the_same_defaults() -> None:
    fields = Settings.model_fields
    values = (
        WorkerOptions(),
        ClusteringOptions(PackThresholds(ARCFACE, pack="any", is_calibrated=True)),
        DetectorOptions(),
    )
    said = {
        NAMED_OTHERWISE.get(name, name): getattr(options, name)
        for options in values
        for name in options.__dataclass_fields__
        if name not in DECIDED_LATER
    }
    assert {"training_batch", "max_file_bytes", "min_quality"} <= said.keys() & fields.keys()
    assert not [
        name for name, value in said.items() if name in fields and fields[name].default != value
    ]
