"""Headcount on a Ray cluster: core, vision, numerics, store, actors, tasks and the pipeline."""

import os

# ONNX Runtime sends usage data unless this variable is set before its import. Every process of
# Headcount imports this package first, and its child processes inherit the variable.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
