"""Promises of time, what a phase worked on, and messages about the end of a session."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SCOPES = ("session", "training", "face_detection", "clustering")
_STATUSES = ("pending", "running", "paused", "completed", "failed", "cancelled")
_TIME = ("active_s", "time_percentage")
_PEOPLE = ("people_gained", "people_lost", "people_split")


def upgrade() -> None:
    """Add the columns of a session and a phase, and the tables of samples and notifications."""
    for name in _TIME:
        column: sa.Column[float] = sa.Column(name, sa.REAL(), nullable=False, server_default="0")
        op.add_column("training_session", column)
    for name, kind in _work_columns().items():
        op.add_column("session_phase", sa.Column(name, kind, nullable=False, server_default="0"))
    for name in _PEOPLE:
        op.add_column("session_phase", sa.Column(name, sa.BigInteger()))
    op.create_table(
        "session_sample",
        _session(primary_key=True),
        sa.Column("scope", _values(*_SCOPES), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("active_s", sa.REAL(), nullable=False),
        sa.Column("finished", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        *(sa.Column(f"{which}_s", sa.REAL()) for which in ("low", "middle", "high")),
    )
    op.create_table(
        "notification",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        _session(nullable=False),
        sa.Column("status", _values(*_STATUSES), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(when, sa.DateTime(timezone=True)) for when in ("next_try_at", "sent_at")),
        sa.Column("error", sa.Text()),
    )
    once = ["session_id", "status", "channel"]
    op.create_index("uq_notification_session", "notification", once, unique=True)
    op.create_index(
        "ix_notification_due",
        "notification",
        ["next_try_at"],
        postgresql_where=sa.text("next_try_at IS NOT NULL"),
    )


def _work_columns() -> dict[str, sa.types.TypeEngine[int] | sa.types.TypeEngine[float]]:
    return {
        "active_s": sa.REAL(),
        "pixels": sa.BigInteger(),
        "bytes": sa.BigInteger(),
        "waited_s": sa.REAL(),
        "workers": sa.BigInteger(),
    }


def _session(*, primary_key: bool = False, nullable: bool | None = None) -> sa.Column[int]:
    reference = sa.ForeignKey("training_session.id", ondelete="CASCADE")
    if primary_key:
        return sa.Column("session_id", sa.BigInteger(), reference, primary_key=True)
    return sa.Column("session_id", sa.BigInteger(), reference, nullable=nullable)


def _values(*names: str) -> sa.Enum:
    return sa.Enum(*names, native_enum=False, create_constraint=True, length=20)


def downgrade() -> None:
    """Drop what was added."""
    op.drop_table("notification")
    op.drop_table("session_sample")
    for name in (*_PEOPLE, *_work_columns()):
        op.drop_column("session_phase", name)
    for name in _TIME:
        op.drop_column("training_session", name)
