"""Headcount on a Ray cluster: core, vision, numerics, store, actors, tasks and the pipeline."""

import os

# ONNX Runtime sends usage data unless this stands in the environment before its import. Every
# process of Headcount imports this package first, and hands the variable on to those it starts.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
