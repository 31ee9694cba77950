"""Photos by time: an index from which the photos of people are read in order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index; missing photos are not in it."""
    op.create_index(
        "ix_image_time",
        "image",
        [sa.text("taken_at DESC NULLS LAST"), "id"],
        postgresql_where=sa.text("missing_since IS NULL"),
    )


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("ix_image_time", "image")
