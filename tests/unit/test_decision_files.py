"""A file that is not a valid export of decisions is refused with the place and the cure."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from cluster.core.decisions.decision_records import ExportedFace
from cluster.core.errors import BadExport
from cluster.store.decisions.decision_reading import ExportHead, read_decisions
from cluster.store.decisions.json_elements import MAX_ELEMENT_CHARACTERS

SIDES = {"left": 0.1, "top": 0.1, "right": 0.2, "bottom": 0.2}
PHOTO = {"id": 1, "content": "ab", "orientation": 1, "width": 400, "height": 300,
         "takenAt": None, "duplicateOf": None,
         "files": [{"path": "/a.jpg", "sha256": 64 * "0", "size": 1}]}  # fmt: skip
PERSON = {"id": 1, "pack": "bundled", "name": "Anna", "isHidden": False, "birthDate": None,
          "coverFace": None, "isDecided": True}  # fmt: skip
FACE = {"id": 1, "photo": 1, "pack": "bundled", "box": SIDES, "pixels": SIDES, "timeS": None,
        "hasVector": True, "person": 1, "placedBy": "user", "placedAt": "2026-05-01T12:00:00Z",
        "verdict": None}  # fmt: skip
ANSWER = {"pack": "bundled", "answer": "no", "answeredAt": "2026-05-01T12:00:00Z",
          "first": {"face": 1, "person": None, "faces": 1},
          "second": {"face": None, "person": 1, "faces": 1}}  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "format": "headcount-decisions", "schemaVersion": 1, "exportedAt": "2026-05-01T12:00:00Z",
    "pack": None, "photos": [PHOTO], "people": [PERSON], "faces": [FACE],
    "erased": [{"photo": 1, "box": SIDES, "pixels": SIDES}], "answers": [ANSWER],
}  # fmt: skip


def read(data: bytes) -> list[Any]:
    return list(read_decisions(io.BytesIO(data), name="people.json"))


def refuse(data: bytes) -> str:
    with pytest.raises(BadExport) as refused:
        read(data)
    said = str(refused.value)
    assert said.startswith("people.json: ")
    assert said.endswith("Nothing was imported. Export again, or import another file.")
    assert len(said) < 300
    return said


@pytest.mark.parametrize(
    "layout", [{}, {"indent": 4}, {"sort_keys": True}, {"ensure_ascii": False}]
)
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b" \n"])
def test_the_layout_of_the_file_does_not_matter(layout: dict[str, Any], start: bytes) -> None:
    records = read(start + json.dumps(DOCUMENT, **layout).encode())
    assert len(records) == 6
    assert isinstance(records[-1], ExportHead)
    (face,) = (one for one in records if isinstance(one, ExportedFace))
    assert (face.person, face.is_placed_by_user) == (1, True)


@pytest.mark.parametrize("blocks", [1, 7, 100])
def test_where_the_blocks_of_the_file_end_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    monkeypatch.setattr("cluster.store.decisions.json_elements.BLOCK_BYTES", blocks)
    assert len(read(json.dumps({**DOCUMENT, "pack": "日本"}, ensure_ascii=False).encode())) == 6


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "ends too early"),
        (b"not json", "'n' is there, where '{' should be"),
        (b"[1, 2]", "'[' is there"),
        (b"{}", "not an export of Headcount: format is missing"),
        (b'{"format": "other"}', "not an export of Headcount"),
        (b'{"format": "headcount-decisions", "schemaVersion": 2}', "a newer version of Headcount"),
        (b'{"format": "headcount-decisions", "schemaVersion": "1"}', "this version reads 1"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b'{"photos": {}}', "where '[' should be"),
        (b'{"photos": [1]}', "photos[0]: the record is not an object"),
        (b'{"photos": [], "photos": []}', "occurs twice"),
        (b'{"x": NaN}', "NaN is not a number of JSON"),
        (b'{"x": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"x": ' + b"9" * 5_000 + b"}", "digits"),
        (b'{"x": 1} {', "more text after the end"),
        (b'{"x": 1,}', "not JSON"),
    ],
)
def test_what_is_no_export_is_refused(data: bytes, said: str) -> None:
    assert said in refuse(data)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.99])
def test_a_file_that_was_cut_off_is_refused(share: float) -> None:
    data = json.dumps(DOCUMENT).encode()
    assert "too early" in refuse(data[: int(len(data) * share)])


def test_a_record_that_is_too_long_is_refused_before_it_is_all_read() -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1) -> bytes:
            Endless.taken += size
            return b'{"faces": [{"pack": "' if Endless.taken == size else b"a" * size

    with pytest.raises(BadExport, match=r"faces\[0\]: the value has more than 1,048,576"):
        list(read_decisions(Endless()))  # type: ignore[arg-type]
    assert Endless.taken < 2 * MAX_ELEMENT_CHARACTERS


@pytest.mark.parametrize(
    ("section", "wrong", "said"),
    [
        ("faces", {"id": "1"}, "faces[0]: id is not a whole number"),
        ("faces", {"id": 0}, "id is not between"),
        ("faces", {"id": True}, "id is not a whole number"),
        ("faces", {"photo": None}, "photo is not a whole number"),
        ("faces", {"box": None}, "box is not an object"),
        ("faces", {"box": {**SIDES, "left": "0.1"}}, "box.left is not a number"),
        ("faces", {"box": {**SIDES, "left": 1e300}}, "box.left is not finite, or too large"),
        ("faces", {"box": {**SIDES, "left": 0.3}}, "box has its right side left"),
        ("faces", {"box": {**SIDES, "left": 1.5, "right": 1.8}}, "outside its picture"),
        ("faces", {"box": {**SIDES, "bottom": 7}}, "outside its picture"),
        ("faces", {"verdict": "stranger"}, "belongs to no person"),
        ("faces", {"verdict": "nice", "person": None}, "verdict is not one of not_a_face"),
        ("faces", {"placedBy": ["user"]}, "placedBy is not one of user, grouping"),
        ("faces", {"placedAt": "yesterday"}, "not an ISO 8601 time with a zone"),
        ("faces", {"placedAt": "2026-05-01T12:00:00"}, "not an ISO 8601 time with a zone"),
        ("faces", {"pack": "a\0b"}, "cannot be stored"),
        ("faces", {"other": "\ud800"}, "cannot be stored"),
        ("people", {"name": ""}, "people[0]: name does not have 1 to 200"),
        ("people", {"name": "a" * 201}, "name does not have 1 to 200"),
        ("people", {"name": "a\nb"}, "control characters"),
        ("people", {"name": " "}, "or only spaces"),
        ("people", {"isHidden": 0}, "isHidden is neither true nor false"),
        ("people", {"birthDate": "1700-01-01"}, "birthDate is before 1800-01-01"),
        ("people", {"birthDate": "2014-5-3"}, "birthDate is not a date"),
        ("photos", {"files": None}, "photos[0]: files is not a list"),
        ("photos", {"files": [{"path": "a", "sha256": "ab"}]}, "files[0].sha256 is not a digest"),
        ("photos", {"orientation": 9}, "orientation is not between 1 and 8"),
        ("photos", {"content": "xyz"}, "content is not hexadecimal"),
        ("photos", {"takenAt": "2026-05-01T12:00:00Z"}, "not an ISO 8601 time without a zone"),
        ("answers", {"answer": "perhaps"}, "answers[0]: answer is not one of yes, no, not_sure"),
        ("answers", {"first": None}, "first is not an object"),
        ("answers", {"first": {"faces": 1}}, "first names neither a face nor a person"),
        ("erased", {"pixels": 3}, "erased[0]: pixels is not an object"),
    ],
)
def test_a_wrong_field_is_named(section: str, wrong: dict[str, Any], said: str) -> None:
    record = {**DOCUMENT[section][0], **wrong}
    assert said in refuse(json.dumps({**DOCUMENT, section: [record]}).encode())
