"""Answers, verdicts on faces, birth dates and covers; more than one change can be undone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OLD_KINDS = ("rename", "hide", "merge", "move", "undo")
_KINDS = (*_OLD_KINDS[:-1], "verdict", "answer", "cover", "birth_date", "undo")
_VERDICTS = ("not_a_face", "stranger", "hidden")
_ANSWERS = ("yes", "no", "not_sure")


def upgrade() -> None:
    """Add the columns and the table of answers; keep the last change of each pack."""
    op.add_column("person", sa.Column("birth_date", sa.Date()))
    op.add_column("person", sa.Column("cover_face_id", sa.BigInteger()))
    op.create_foreign_key(
        op.f("fk_person_cover_face_id"),
        *("person", "face", ["cover_face_id"], ["id"]),
        ondelete="SET NULL",
    )
    op.create_index("ix_person_cover_face_id", "person", ["cover_face_id"])
    op.add_column("face", sa.Column("sharpness", sa.REAL()))
    op.add_column("session_phase", sa.Column("same_person", sa.Text()))
    for table in ("face", "person_change", "person_change_face"):
        op.add_column(table, _verdict_column(table))
    op.add_column("person_change_person", sa.Column("birth_date", sa.Date()))
    op.add_column("person_change_person", sa.Column("cover_face_id", sa.BigInteger()))
    op.execute("ALTER INDEX ix_face_nobody RENAME TO ix_face_ungrouped")
    _keep_more_changes()
    _create_answers()
    op.create_index(
        "ix_image_time",
        "image",
        [sa.text("taken_at DESC NULLS LAST"), "id"],
        postgresql_where=sa.text("missing_since IS NULL"),
    )


def _verdict_column(table: str) -> sa.Column[str]:
    name = op.f(f"ck_{table}_verdict")
    check = sa.CheckConstraint(f"verdict IN ({', '.join(map(repr, _VERDICTS))})", name=name)
    return sa.Column("verdict", sa.String(20), check)


def _keep_more_changes() -> None:
    op.add_column("person_change", sa.Column("undone_at", sa.DateTime(timezone=True)))
    op.drop_constraint(op.f("uq_person_change_pack"), "person_change", type_="unique")
    op.create_index("ix_person_change_pack_id", "person_change", ["pack", "id"])
    for column in ("person_id", "other_id"):
        op.drop_constraint(op.f(f"fk_person_change_{column}"), "person_change", type_="foreignkey")
    _check_kinds(_KINDS)


def _check_kinds(kinds: tuple[str, ...]) -> None:
    name = op.f("ck_person_change_kind")
    op.drop_constraint(name, "person_change", type_="check")
    op.create_check_constraint(name, "person_change", f"kind IN ({', '.join(map(repr, kinds))})")


def _create_answers() -> None:
    op.create_table(
        "face_answer",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("pack", sa.Text(), nullable=False),
        *(_reference(f"{which}_face_id", "face.id") for which in ("first", "second")),
        *(_reference(f"{which}_person_id", "person.id") for which in ("first", "second")),
        sa.Column(
            "answer",
            sa.Enum(*_ANSWERS, native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        *(
            sa.Column(column, sa.BigInteger(), nullable=False, server_default="1")
            for column in ("first_faces", "second_faces")
        ),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        _reference("change_id", "person_change.id"),
    )
    ends = [f"{which}_{what}_id" for which in ("first", "second") for what in ("face", "person")]
    for column in ("pack", *ends, "change_id"):
        op.create_index(f"ix_face_answer_{column}", "face_answer", [column])


def _reference(name: str, target: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), sa.ForeignKey(target, ondelete="SET NULL"))


def downgrade() -> None:
    """Drop what was added, and all changes but the last of each pack that revision 0006 knows."""
    op.drop_index("ix_image_time", "image")
    op.drop_table("face_answer")
    op.execute(
        """
        DELETE FROM person_change c WHERE undone_at IS NOT NULL
            OR kind NOT IN ('rename', 'hide', 'merge', 'move', 'undo')
            OR EXISTS (SELECT FROM person_change n WHERE n.pack = c.pack AND n.id > c.id)
            OR NOT EXISTS (SELECT FROM person p WHERE p.id = c.person_id) AND person_id IS NOT NULL
            OR NOT EXISTS (SELECT FROM person p WHERE p.id = c.other_id) AND other_id IS NOT NULL
        """
    )
    _check_kinds(_OLD_KINDS)
    for column in ("person_id", "other_id"):
        op.create_foreign_key(
            op.f(f"fk_person_change_{column}"),
            *("person_change", "person", [column], ["id"]),
            ondelete="CASCADE",
        )
    op.drop_index("ix_person_change_pack_id", "person_change")
    op.create_unique_constraint(op.f("uq_person_change_pack"), "person_change", ["pack"])
    op.drop_column("person_change", "undone_at")
    op.execute("ALTER INDEX ix_face_ungrouped RENAME TO ix_face_nobody")
    for table in ("person", "person_change_person"):
        op.drop_column(table, "cover_face_id")
        op.drop_column(table, "birth_date")
    for table in ("face", "person_change", "person_change_face"):
        op.drop_column(table, "verdict")
    op.drop_column("face", "sharpness")
    op.drop_column("session_phase", "same_person")
