"""The position of the search in a film, which shows users that it advances."""

from __future__ import annotations

from dataclasses import dataclass

FILM_REPORT_S = 1.0
"""Seconds between two reports of the position; a film that is searched sooner has none."""

LONGEST_SHOWN_NAME = 80
"""Characters of a film's name that are shown while it is searched."""


@dataclass(frozen=True, slots=True)
class FilmPlace:
    """The position `time_s` of `duration_s` in the film with the file name `name`."""

    name: str
    time_s: float
    duration_s: float

    def __str__(self) -> str:
        """Return the position for users: "party.mp4, 3:20 of 10:00"."""
        return f"{self.name}, {say_time(self.time_s)} of {say_time(self.duration_s)}"


def find_place(path: str, *, time_s: float, duration_s: float) -> FilmPlace:
    """Return the position at a time in the film at `path`; a long file name is shortened."""
    name = path.rstrip("/").rpartition("/")[2]
    shown = name if len(name) <= LONGEST_SHOWN_NAME else f"{name[: LONGEST_SHOWN_NAME - 1]}…"
    return FilmPlace(shown, time_s, max(duration_s, time_s))


def say_time(seconds: float) -> str:
    """Return a time in a film: "0:42", "1:02:03"."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
