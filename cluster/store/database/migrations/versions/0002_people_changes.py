"""Changes of users to people: a key for names in any case, and the undo log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KINDS = ("rename", "hide", "merge", "move", "undo")


def upgrade() -> None:
    """Add the key of names, indexes for lists of people and faces, and the undo log."""
    op.add_column("person", sa.Column("name_key", sa.Text()))
    op.execute("UPDATE person SET name_key = lower(name)")
    is_named = sa.text("name_key IS NOT NULL")
    op.create_index(
        "uq_person_name_key", "person", ["pack", "name_key"], unique=True, postgresql_where=is_named
    )
    _index_faces()
    _create_undo_log()


def downgrade() -> None:
    """Drop everything that upgrade() created."""
    for table in ("person_change_face", "person_change_person", "person_change"):
        op.drop_table(table)
    for name in ("nobody", "person_quality", "pack_person_image"):
        op.drop_index(f"ix_face_{name}", "face")
    for column in ("pack", "person_id"):
        op.create_index(f"ix_face_{column}", "face", [column])
    op.drop_index("uq_person_name_key", "person")
    op.drop_column("person", "name_key")


def _index_faces() -> None:
    op.create_index("ix_face_pack_person_image", "face", ["pack", "person_id", "image_id"])
    op.create_index("ix_face_person_quality", "face", ["person_id", sa.text("quality DESC"), "id"])
    of_nobody = sa.text("person_id IS NULL")
    op.create_index("ix_face_nobody", "face", ["pack", "id"], postgresql_where=of_nobody)
    # The new indexes begin with the same columns.
    for column in ("pack", "person_id"):
        op.drop_index(f"ix_face_{column}", "face")


def _create_undo_log() -> None:
    op.create_table(
        "person_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("pack", sa.Text(), nullable=False, unique=True),
        sa.Column(
            "kind",
            sa.Enum(*KINDS, native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        _person_column("person_id"),
        _person_column("other_id"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    for column in ("person_id", "other_id"):
        op.create_index(f"ix_person_change_{column}", "person_change", [column])
    op.create_table(
        "person_change_person",
        _change_column(),
        sa.Column("person_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text()),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    face = sa.ForeignKey("face.id", ondelete="CASCADE")
    op.create_table(
        "person_change_face",
        _change_column(),
        sa.Column("face_id", sa.BigInteger(), face, primary_key=True, autoincrement=False),
        sa.Column("person_id", sa.BigInteger()),
        sa.Column("placed_by_user", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_person_change_face_face_id", "person_change_face", ["face_id"])


def _person_column(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), sa.ForeignKey("person.id", ondelete="CASCADE"))


def _change_column() -> sa.Column[int]:
    reference = sa.ForeignKey("person_change.id", ondelete="CASCADE")
    return sa.Column("change_id", sa.BigInteger(), reference, primary_key=True, autoincrement=False)
