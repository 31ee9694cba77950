"""Detectors are distributed among nodes by the room that each node has."""

from __future__ import annotations

from cluster.pipeline.workers import share_out


def test_every_node_is_filled_when_there_is_enough() -> None:
    assert share_out({"a": 2, "b": 4}, 6) == {"a": 2, "b": 4}


def test_fewer_go_to_the_nodes_in_turn_and_none_gets_more_than_its_room() -> None:
    assert share_out({"a": 1, "b": 4, "c": 0}, 4) == {"b": 3, "a": 1}


def test_a_fixed_number_may_be_more_than_there_is_room_for() -> None:
    assert share_out({"a": 1, "b": 1}, 4, is_bounded=False) == {"a": 2, "b": 2}


def test_no_detector_wanted_is_none_given() -> None:
    assert share_out({"a": 1}, 0) == {}
