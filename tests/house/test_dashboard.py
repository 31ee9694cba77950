"""The Grafana dashboard can be imported as it is, anywhere."""

from __future__ import annotations

import json
import re

from cluster.core.metrics import METRICS
from tests.house.sources import read_text

DASHBOARD = json.loads(read_text("configs/grafana/headcount.json"))


def test_the_dashboard_names_no_data_source_of_its_own() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    for panel in DASHBOARD["panels"]:
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)


def test_the_dashboard_uses_no_variable_that_it_does_not_have() -> None:
    known = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    asked = {
        name
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\$\{?(\w+)", target["expr"])
    }
    assert asked <= known


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        columns = range(place["x"], place["x"] + place["w"])
        rows = range(place["y"], place["y"] + place["h"])
        cells = {(x, y) for x in columns for y in rows}
        assert max(columns) < 24
        assert not cells & taken
        taken |= cells


def test_every_metric_is_on_the_dashboard() -> None:
    text = read_text("configs/grafana/headcount.json")
    assert not [metric.name for metric in METRICS if f"ray_{metric.name}" not in text]


def test_the_dashboard_is_made_for_a_grafana_of_today() -> None:
    assert DASHBOARD["schemaVersion"] >= 36
    assert DASHBOARD["uid"] == "headcount"
    assert "id" not in DASHBOARD
