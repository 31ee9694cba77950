"""Films, the times of their faces, and files that belong to the photo of another file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OLD_REASONS = ("duplicate", "moved", "unchanged", "same_picture", "unreadable")


def upgrade() -> None:
    """Add the columns, and the reason of a skip for a companion."""
    op.add_column("image", sa.Column("duration_s", sa.REAL()))
    op.add_column("face", sa.Column("time_s", sa.REAL()))
    op.add_column(
        "file",
        sa.Column("companion", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
    _check_reasons((*_OLD_REASONS, "companion"))


def _check_reasons(reasons: tuple[str, ...]) -> None:
    for column in ("training_skip", "detection_skip"):
        name = op.f(f"ck_session_item_{column}")
        op.drop_constraint(name, "session_item", type_="check")
        allowed = ", ".join(map(repr, reasons))
        op.create_check_constraint(name, "session_item", f"{column} IN ({allowed})")


def downgrade() -> None:
    """Drop the columns and what revision 0008 does not know: films, and items of companions."""
    for phase in ("training", "detection"):
        op.execute(
            f"UPDATE session_item SET {phase}_skip = 'same_picture'"
            f" WHERE {phase}_skip = 'companion'"
        )
    _check_reasons(_OLD_REASONS)
    op.execute("DELETE FROM image WHERE duration_s IS NOT NULL")
    op.drop_column("file", "companion")
    op.drop_column("face", "time_s")
    op.drop_column("image", "duration_s")
