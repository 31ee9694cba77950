"""Why an item was skipped is a column, and the mark that counts do not fall below has its name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_REASONS = ("duplicate", "moved", "unchanged", "same_picture", "unreadable")

# A skip of any other text was treated as one of a photo that cannot be read.
_FILL = """
    UPDATE session_item SET {phase}_skip = CASE
        WHEN {phase}_reason LIKE 'duplicate of %' THEN 'duplicate'
        WHEN {phase}_reason LIKE 'moved from %' THEN 'moved'
        WHEN {phase}_reason = 'unchanged' THEN 'unchanged'
        WHEN {phase}_reason = 'the picture is unchanged' THEN 'same_picture'
        ELSE 'unreadable'
    END
    WHERE {phase}_state = 'skipped'
    """

# From PostgreSQL 18 on "not null" is a constraint with a name.
_RENAME_NOT_NULL = """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_constraint WHERE conname = 'session_phase_{old}_not_null') THEN
            ALTER TABLE session_phase RENAME CONSTRAINT session_phase_{old}_not_null
            TO session_phase_{new}_not_null;
        END IF;
    END $$
    """


def upgrade() -> None:
    """Add both columns, filled from the texts, and rename the mark."""
    for phase in ("training", "detection"):
        check = sa.CheckConstraint(
            f"{phase}_skip IN ({', '.join(map(repr, _REASONS))})",
            name=op.f(f"ck_session_item_{phase}_skip"),
        )
        op.add_column("session_item", sa.Column(f"{phase}_skip", sa.String(20), check))
        op.execute(_FILL.format(phase=phase))
    _rename("floor", "high_water_mark")


def _rename(old: str, new: str) -> None:
    op.alter_column("session_phase", old, new_column_name=new)
    op.execute(_RENAME_NOT_NULL.format(old=old, new=new))


def downgrade() -> None:
    """Drop both columns, whose content the texts still say, and rename the mark back."""
    _rename("high_water_mark", "floor")
    op.drop_column("session_item", "detection_skip")
    op.drop_column("session_item", "training_skip")
