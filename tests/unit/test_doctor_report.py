"""How the doctor writes its report: as text, as JSON, and as an exit status."""

from __future__ import annotations

from jobs.doctor.checks import Section, note, ok, problem, warning
from jobs.doctor.report import as_values, list_next, status_of, summarise, write_section

SECTIONS = [
    Section("versions", (ok("python", "3.12"), warning("packages", "others", "do this"))),
    Section("pack", (problem("packages", "missing", "make run"), note("x", "y", "z"))),
    Section("ray", (problem("packages", "missing", "make run"),)),
]


def test_what_would_go_wrong_begins_with_problems_and_says_each_once() -> None:
    assert list_next(SECTIONS).findings == (
        problem("pack: packages, ray: packages", "missing", "make run"),
        warning("versions: packages", "others", "do this"),
    )
    assert summarise(list_next(SECTIONS)) == "1 problem, 1 warning."


def test_only_problems_make_the_exit_status_one() -> None:
    assert status_of(SECTIONS) == 1
    assert status_of(SECTIONS[:1]) == 0


def test_no_line_of_prose_is_wider_than_the_terminal() -> None:
    found = warning("a subject", "many words " * 40, "and a cure " * 40)
    for section in (Section("ray", (found,)), list_next([Section("ray", (found,))])):
        text = write_section(section, columns=100)
        assert max(map(len, text.splitlines())) <= 100
        assert text.count("many") == 40
        assert text.count("cure") == 40


def test_json_holds_what_the_text_holds() -> None:
    assert as_values(SECTIONS)["versions"][1] == {
        "subject": "packages",
        "level": "warning",
        "says": "others",
        "cure": "do this",
    }
    assert list(as_values(SECTIONS)) == ["versions", "pack", "ray"]
