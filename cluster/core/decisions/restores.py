"""The progress and the result of a restore or an import that the server runs for a client."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

INTERRUPTED = (
    "It was interrupted, because its process ended. It was done completely or not at all; look at "
    "the library to see which."
)


class RestoreState(StrEnum):
    """The state of a restore or an import; all states except RUNNING are final."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRecord:
    """A restore of the backup `name`, or with `is_import` an import of the file `name`.

    `step` is the current step, in words; `share` is the finished part of the step, 0 to 1, None if
    unknown. `kept` is the name of the backup of the earlier content. `left` decisions wait for
    their photo or face. `changed` counts the changes of an import by kind.
    """

    name: str
    is_import: bool = False
    started_at: datetime
    state: RestoreState = RestoreState.RUNNING
    step: str = ""
    share: float | None = None
    ended_at: datetime | None = None
    kept: str | None = None
    left: int = 0
    changed: dict[str, int] = field(default_factory=dict)
    error: str | None = None

    def fail(self, error: str, *, now: datetime) -> RestoreRecord:
        """Return the record of a restore that ended with an error, a sentence for users."""
        ended = replace(self, state=RestoreState.FAILED, error=error, ended_at=now)
        return replace(ended, step="", share=None)

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain values."""
        times = {"started_at": self.started_at, "ended_at": self.ended_at}
        said = {key: time and time.astimezone(UTC).isoformat() for key, time in times.items()}
        return {**asdict(self), **said}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RestoreRecord:
        """Return the record of these values. Raises ValueError, KeyError or TypeError."""
        ended = values["ended_at"]
        times = {
            "started_at": datetime.fromisoformat(values["started_at"]),
            "ended_at": None if ended is None else datetime.fromisoformat(ended),
        }
        return cls(**{**values, **times, "state": RestoreState(values["state"])})
