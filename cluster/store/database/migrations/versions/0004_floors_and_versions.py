"""The high-water mark of a phase, then called its floor, and the numbers of live views."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the floor of a phase, and the sequence of live views.

    The sequence starts at 512, so that versions stay above the earlier ones, which were
    milliseconds since 1970.
    """
    floor = sa.Column("floor", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("session_phase", floor)
    op.execute("CREATE SEQUENCE live_view START 512")


def downgrade() -> None:
    """Drop the sequence and the floor."""
    op.execute("DROP SEQUENCE live_view")
    op.drop_column("session_phase", "floor")
