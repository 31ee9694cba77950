"""How the page describes and draws the comparison of two sessions."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.session_comparison import Cause
from cluster.core.sessions import PhaseName
from tests.unit.page_in_node import NO_NODE, NODE, Page, open_page

pytestmark = pytest.mark.skipif(NODE is None, reason=NO_NODE)

NONSENSE = {"undefined", "null", "NaN", "Infinity", "[object"}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with open_page() as opened:
        yield opened


def figures(**numbers: Any) -> dict[str, Any]:
    usual = {
        "status": "completed", "total": 40, "processed": 36, "skipped": 0, "failed": 4,
        "worked": 40, "faces": 72, "seconds": 20.0, "perSecond": 2.0, "pixelsPerPhoto": 8e6,
        "bytesPerPhoto": 3e6, "workers": 2, "waitedSeconds": 1.0, "peopleGained": None,
        "peopleLost": None, "peopleSplit": None, "speed": [],
    }  # fmt: skip
    return {**usual, **numbers}


def phase(
    name: PhaseName = PhaseName.FACE_DETECTION,
    times: float | None = 1.6,
    *causes: tuple[Cause, float],
    this: dict[str, Any] | None = None,
    other: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "name": name.value,
        "this": this or figures(),
        "other": other or figures(workers=4, faces=18, failed=0),
        "timesSlower": times,
        "reasons": [{"cause": cause.value, "factor": factor} for cause, factor in causes],
    }


def say(page: Page, compared: dict[str, Any]) -> str:
    said = page.call("compare_words.js", "sayPhase", compared)
    assert isinstance(said, str)
    return said


@pytest.mark.parametrize(
    ("compared", "said"),
    [
        (
            phase(PhaseName.FACE_DETECTION, 1.6, (Cause.PIXELS, 1.5)),
            "Finding faces was 1.6 times slower: 1.5 times more pixels per photo.",
        ),
        (
            phase(PhaseName.FACE_DETECTION, 0.5, (Cause.WORKERS, 0.5), (Cause.MACHINE, 0.8)),
            "Finding faces was 2 times faster: more workers (2 instead of 4); the machine was 1.3 "
            "times faster.",
        ),
        (
            phase(PhaseName.FACE_DETECTION, 3.0, (Cause.FACES, 2.0), (Cause.FAILURES, 1.2)),
            "Finding faces was 3 times slower: more faces per photo (2 instead of 0.5); more "
            "photos failed (4 of 40 instead of 0 of 40).",
        ),
        (
            phase(PhaseName.CLUSTERING, 12.4, (Cause.FACES, 12.4)),
            "Grouping people was 12 times slower: 12 times more faces to compare.",
        ),
        (phase(PhaseName.TRAINING, 1.1), "Reading photos was about as fast."),
        (
            phase(PhaseName.TRAINING, None, this=figures(worked=0)),
            "Reading photos cannot be compared: there was nothing to do in this session.",
        ),
        (
            phase(PhaseName.TRAINING, None, this=figures(seconds=None)),
            "Reading photos cannot be compared: its time is not known.",
        ),
    ],
)
def test_a_phase_is_told_in_one_sentence(page: Page, compared: dict[str, Any], said: str) -> None:
    assert say(page, compared) == said


@pytest.mark.parametrize("name", PhaseName)
@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("factor", [0.05, 1.3, 40.0])
def test_every_cause_has_words_in_both_directions(
    page: Page, name: PhaseName, cause: Cause, factor: float
) -> None:
    said = say(page, phase(name, factor, (cause, factor)))
    assert not NONSENSE & set(re.split(r"[\s.,;:()]+", said))
    assert ": " in said


@pytest.mark.parametrize("name", PhaseName)
def test_what_is_not_known_is_a_dash_in_the_table(page: Page, name: PhaseName) -> None:
    unknown = figures(seconds=None, perSecond=None, pixelsPerPhoto=None, bytesPerPhoto=None,
                      workers=0, waitedSeconds=0)  # fmt: skip
    rows = page.call("compare_words.js", "figureRows", phase(name, None, this=unknown))
    titles = [row[0] for row in rows]
    assert len(set(titles)) == len(titles)
    by_title = {title: mine for title, mine, _ in rows}
    assert by_title["Time"] == by_title["Workers at once"] == "–"
    assert not any(NONSENSE & set(str(cell).split()) for row in rows for cell in row)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"), (0.04, "0.04 s"), (1.25, "1.3 s"), (59.4, "59 s"), (61, "1 min 1 s"),
        (3599.6, "1 h 0 min"), (3661, "1 h 1 min"), (86_400 * 3, "72 h 0 min"),
    ],
)  # fmt: skip
def test_a_duration_is_told_with_two_units_at_most(page: Page, seconds: float, said: str) -> None:
    assert page.call("compare_words.js", "duration", seconds) == said


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(0, 1), (0.03, 0.05), (1, 1), (1.1, 2), (4.9, 5), (7, 10), (10, 10), (101, 200), (-5, 1)],
)
def test_the_top_of_a_chart_is_a_round_number(page: Page, value: float, rounded: float) -> None:
    assert page.call("chart_scale.js", "roundUp", value) == rounded


def points(*steps: tuple[float, float]) -> list[dict[str, float]]:
    """Consecutive points, each given by its seconds and its speed per second."""
    ends = list(itertools.accumulate((seconds for seconds, _ in steps), initial=0.0))
    return [
        {"fromSeconds": begin, "untilSeconds": end, "perSecond": speed}
        for begin, end, (_, speed) in zip(ends, ends[1:], steps, strict=False)
    ]


SPEEDS = st.just(0.0) | st.floats(1e-9, 1e6)
STEPS = st.lists(st.tuples(st.floats(0.01, 1e4), SPEEDS), max_size=60)


@given(mine=STEPS, other=STEPS)
def test_whatever_is_drawn_stays_within_the_chart(
    page: Page, mine: list[tuple[float, float]], other: list[tuple[float, float]]
) -> None:
    lines = [{"label": "a", "points": points(*mine)}, {"label": "b", "points": points(*other)}]
    scale = page.call("chart_scale.js", "scaleChart", lines)
    for path, steps in zip(scale["paths"], (mine, other), strict=True):
        assert not re.search("NaN|Infinity|undefined", path)
        assert path.count("H") == len(steps)
        assert all(0 <= float(x) <= 600 for x in re.findall(r"[MH]([\d.e+-]+)", path))
        assert all(0 <= float(y) <= 160 for y in re.findall(r"[V ]([\d.e+-]+)", path))
    assert scale["isCut"] or scale["top"] >= scale["highest"] * 0.999


def test_a_peak_of_a_moment_does_not_flatten_the_rest(page: Page) -> None:
    lines = [{"label": "a", "points": points((1, 5000), (50, 4), (49, 5))}]
    scale = page.call("chart_scale.js", "scaleChart", lines)
    assert (scale["isCut"], scale["top"], scale["highest"]) == (True, 10, 5000)


@given(steps=STEPS.filter(bool))
def test_the_table_of_a_chart_has_the_mean_of_each_part(
    page: Page, steps: list[tuple[float, float]]
) -> None:
    rows = page.call("chart_scale.js", "tabulate", [{"label": "a", "points": points(*steps)}])
    assert 1 <= len(rows) <= 10
    whole = sum(seconds * speed for seconds, speed in steps)
    told = sum((row["untilSeconds"] - row["fromSeconds"]) * row["means"][0] for row in rows)
    assert told == pytest.approx(whole, rel=1e-6, abs=1e-6)


def test_what_makes_two_sessions_unlike_is_said_before_their_numbers(page: Page) -> None:
    def say_differences(**of_other: Any) -> Any:
        this = {
            "sessionId": 2,
            "name": None,
            "rootPath": "/a",
            "pack": "one",
            "status": "completed",
        }
        other = {**this, "sessionId": 1, **of_other}
        body = {
            "this": this,
            "other": other,
            "isSamePack": this["pack"] == other["pack"],
            "isSameLibrary": this["rootPath"] == other["rootPath"],
        }
        return page.call("compare_words.js", "sayDifferences", body)

    assert say_differences() == ""
    assert say_differences(rootPath="/b", pack="two") == (
        "They are over different libraries: /a, and /b. Their packs differ: one, and two."
    )
    assert say_differences(status="paused", name="Summer") == (
        "Summer (session 1) is not complete (paused): its numbers cover only a part."
    )
