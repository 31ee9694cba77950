"""The base class of all tables, which names constraints and maps Python's types to columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Constraint,
    Date,
    DateTime,
    Enum,
    LargeBinary,
    MetaData,
    Text,
    TextClause,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase

from cluster.core.identity.changes import Answer, ChangeKind
from cluster.core.identity.faces import FaceVerdict
from cluster.core.sessions import ItemState, PhaseName, PhaseStatus, SessionStatus, SkipReason
from cluster.core.time_left.timing import Scope


def _check_name(check: Constraint, table: Any) -> str:
    """Name the check of an enum column after the column, because two columns may share an enum."""
    columns = list(check.columns) if isinstance(check, CheckConstraint) else []
    return columns[0].name if len(columns) == 1 else str(check.name)


NAMES: dict[str, str | Callable[[Constraint, Any], str]] = {
    "check_constraint_name": _check_name,
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(check_constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


ITEM_PREFIXES: Mapping[PhaseName, str] = {
    PhaseName.TRAINING: "training",
    PhaseName.FACE_DETECTION: "detection",
}
"""The prefix of the columns state, skip and reason of each photo phase in session_item."""


def for_each_photo_phase(statement: str) -> dict[PhaseName, TextClause]:
    """Return the statement for each photo phase; PHASE in it is replaced by the column prefix."""
    return {name: text(statement.replace("PHASE", start)) for name, start in ITEM_PREFIXES.items()}


def _values(kind: type[StrEnum]) -> Enum:
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=20,
        values_callable=lambda members: [member.value for member in members],
    )


class Table(DeclarativeBase):
    """The base class of all tables, with types for Python's values and names for constraints."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: Mapping[Any, Any] = {
        **{
            kind: _values(kind)
            for kind in (
                *(SessionStatus, PhaseName, PhaseStatus, ItemState, SkipReason),
                *(ChangeKind, FaceVerdict, Answer, Scope),
            )
        },
        int: BigInteger(),
        float: REAL(),
        str: Text(),
        bytes: LargeBinary(),
        datetime: DateTime(timezone=True),
        date: Date(),
        dict[str, Any]: JSONB(),
        list[float]: ARRAY(REAL),
    }
