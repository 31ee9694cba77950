"""An answer keeps how many faces each side had, so that a user who was not sure is asked again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COLUMNS = ("first_faces", "second_faces")


def upgrade() -> None:
    """Add both columns."""
    for column in _COLUMNS:
        op.add_column(
            "face_answer", sa.Column(column, sa.BigInteger(), nullable=False, server_default="1")
        )


def downgrade() -> None:
    """Drop both columns."""
    for column in _COLUMNS:
        op.drop_column("face_answer", column)
