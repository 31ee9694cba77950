"""Decisions that have no photo or face yet, faces without a vector, and when faces were placed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column, and let a face have no vector."""
    op.alter_column("face", "embedding", nullable=True)
    op.add_column("face", sa.Column("placed_at", sa.DateTime(timezone=True)))
    op.create_table(
        "kept_decision",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("photo_sha256", sa.LargeBinary()),
        sa.Column("path", sa.Text()),
        sa.Column("decision", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True)),
    )
    op.create_index(
        "ix_kept_decision_photo_sha256",
        "kept_decision",
        ["photo_sha256"],
        postgresql_where=sa.text("placed_at IS NULL"),
    )


def downgrade() -> None:
    """Drop what was added, and the faces without a vector, which revision 0009 does not know."""
    op.drop_table("kept_decision")
    op.drop_column("face", "placed_at")
    op.execute("DELETE FROM face WHERE embedding IS NULL")
    op.alter_column("face", "embedding", nullable=False)
