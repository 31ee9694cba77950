"""The table of kept decisions, which wait for their photo or face."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cluster.store.database.columns import Table


class KeptDecision(Table):
    """A decision from an import, kept until the photo or the face that it is about turns up.

    `source` names the import, and `kind` the subject of the decision. `decision` is the record as
    imported, and `reason` says why it could not be placed. `placed_at` is set when it has been
    placed.
    """

    __tablename__ = "kept_decision"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source: Mapped[str]
    kind: Mapped[str]
    photo_sha256: Mapped[bytes | None]
    path: Mapped[str | None]
    decision: Mapped[dict[str, Any]]
    reason: Mapped[str]
    kept_at: Mapped[datetime]
    placed_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "ix_kept_decision_photo_sha256",
            "photo_sha256",
            postgresql_where=text("placed_at IS NULL"),
        ),
    )
