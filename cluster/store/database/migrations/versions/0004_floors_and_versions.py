"""What was shown before it was committed, and which live view showed it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the floor of a phase, and the numbers of live views.

    They begin so high that versions rise further: they were milliseconds since 1970 before.
    """
    floor = sa.Column("floor", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("session_phase", floor)
    op.execute("CREATE SEQUENCE live_view START 512")


def downgrade() -> None:
    """Drop both."""
    op.execute("DROP SEQUENCE live_view")
    op.drop_column("session_phase", "floor")
