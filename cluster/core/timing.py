"""What a promise of time is about: the whole session, or one of its phases."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """What a promise is about; the values of the phases are those of PhaseName."""

    SESSION = "session"
    TRAINING = "training"
    FACE_DETECTION = "face_detection"
    CLUSTERING = "clustering"
