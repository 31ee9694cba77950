"""A `Meter` that records through Ray's metrics, which every node of the cluster exports."""

from __future__ import annotations

from functools import cache
from typing import Any

from ray.util.metrics import Counter, Gauge, Histogram

from cluster.core.metrics import Metric


class RayMeter:
    """Records through Ray. Counters and histograms add up over processes; gauges do not.

    Ray drops a gauge that was not set for about twenty seconds, so ended sessions disappear.
    """

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """Add to a counter, set a gauge, or observe in a histogram; a counter ignores 0."""
        instrument = find_instrument(metric)
        if metric.kind == "histogram":
            instrument.observe(value, labels)
        elif metric.kind == "gauge":
            instrument.set(value, labels)
        elif value > 0:
            instrument.inc(value, labels)


@cache
def find_instrument(metric: Metric) -> Any:
    """Return this process's instrument for `metric`; it is created once."""
    if metric.kind == "histogram":
        return Histogram(metric.name, metric.says, list(metric.buckets), metric.labels)
    kind = Gauge if metric.kind == "gauge" else Counter
    return kind(metric.name, metric.says, metric.labels)
