"""The rectangles of erased faces, so that these faces are not found again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of rectangles."""
    image = sa.ForeignKey("image.id", ondelete="CASCADE")
    op.create_table(
        "erased_face",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("image_id", sa.BigInteger(), image, nullable=False),
        *(
            sa.Column(f"box_{side}", sa.REAL(), nullable=False)
            for side in ("left", "top", "right", "bottom")
        ),
    )
    op.create_index("ix_erased_face_image_id", "erased_face", ["image_id"])


def downgrade() -> None:
    """Drop the table of rectangles."""
    op.drop_table("erased_face")
