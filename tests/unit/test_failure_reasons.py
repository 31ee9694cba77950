"""Reasons of failures that differ only in names and numbers count as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.failure_reasons import MOST_REASONS, ReasonCount, fold_reason, group_reasons
from cluster.core.sessions import PhaseName

TRAINING, DETECTION, _ = PhaseName


@pytest.mark.parametrize(
    ("reason", "folded"),
    [
        ("the file is empty", "the file is empty"),
        (
            "a JPEG of more than 1,000 scans, which is the limit",
            "a JPEG of more than … scans, which is the limit",
        ),
        (
            "413 million pixels, more than the limit of 200 million",
            "… million pixels, more than the limit of … million",
        ),
        (
            "OSError: [Errno 5] Input/output error: '/photos/My trip/a b.jpg'",
            "OSError: [Errno …] Input/output error: …",
        ),
        ("cannot open /photos/2019/a.jpg", "cannot open …"),
        ("not there: https://photos.example/a.jpg?x=1", "not there: …"),
        ("no answer within 60 s", "no answer within … s"),
        (
            "cannot identify image file <_io.BytesIO object at 0x7f00c0ffee>",
            "cannot identify image file …",
        ),
        ("digest 9f86d081884c7d65 differs", "digest … differs"),
        (
            "it isn't a picture, and doesn't look like one",
            "it isn't a picture, and doesn't look like one",
        ),
        ("a JPEG2000 picture", "a JPEG2000 picture"),
        ("the share is 12.5%", "the share is …%"),
        ("", ""),
    ],
)
def test_what_varies_is_left_out_and_the_rest_stays(reason: str, folded: str) -> None:
    assert fold_reason(reason) == folded


def test_reasons_are_counted_together_by_phase_the_most_frequent_first() -> None:
    counted = [
        ReasonCount(TRAINING, "413 pixels", 2),
        ReasonCount(TRAINING, "the file is empty", 4),
        ReasonCount(TRAINING, "97 pixels", 3),
        ReasonCount(DETECTION, "98 pixels", 1),
    ]
    assert group_reasons(counted) == (
        ReasonCount(TRAINING, "… pixels", 5),
        ReasonCount(TRAINING, "the file is empty", 4),
        ReasonCount(DETECTION, "… pixels", 1),
    )


def test_only_the_most_frequent_reasons_are_told() -> None:
    letters = [ReasonCount(TRAINING, "x" * n, n) for n in range(1, 100)]
    told = group_reasons(letters)
    assert len(told) == MOST_REASONS
    assert told[0].count == 99


@given(st.text(alphabet="a1/'\".: <>0x…", max_size=2000))
def test_any_text_is_folded_to_one_that_has_no_number_left(reason: str) -> None:
    folded = fold_reason(reason)
    assert len(folded) <= len(reason) + 1
    assert not [word for word in folded.split() if word.isdigit()]
