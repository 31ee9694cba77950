"""The first tables: images, sessions with their phases and items, faces, people."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATUSES = ("pending", "running", "paused", "completed", "failed", "cancelled")
PHASES = ("training", "face_detection", "clustering")
STATES = ("pending", "processed", "skipped", "failed")


def upgrade() -> None:
    """Create the extension for vectors, and all tables."""
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    _create_image()
    _create_sessions()
    _create_session_phase()
    _create_session_item()
    _create_detection()
    _create_people()
    _create_face()


def downgrade() -> None:
    """Drop all tables; the extension stays."""
    for table in ("face", "person", "detection", "session_item", "session_phase"):
        op.drop_table(table)
    op.drop_table("training_session")
    op.drop_table("image")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True)


def _column(name: str, kind: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, **options)


def _count(name: str, start: str = "0") -> sa.Column[Any]:
    return _column(name, sa.BigInteger(), server_default=start)


def _link(name: str, target: str, **options: Any) -> sa.Column[Any]:
    reference = sa.ForeignKey(f"{target}.id", ondelete="CASCADE")
    return sa.Column(name, sa.BigInteger(), reference, nullable=False, **options)


def _one_of(values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, create_constraint=True, length=20)


def _create_image() -> None:
    op.create_table(
        "image",
        _id(),
        _column("path", sa.Text()),
        _column("path_sha256", sa.LargeBinary(), unique=True),
        _column("size", sa.BigInteger()),
        _column("modified_ns", sa.BigInteger()),
        sa.Column("sha256", sa.LargeBinary()),
        sa.Column("width", sa.BigInteger()),
        sa.Column("height", sa.BigInteger()),
        sa.Column("taken_at", sa.DateTime()),
        sa.Column("phash", sa.BigInteger()),
        sa.Column("dhash", sa.LargeBinary()),
        sa.Column("thumbnail", sa.LargeBinary()),
        sa.Column("unreadable", sa.Text()),
        sa.Column("duplicate_of", sa.BigInteger(), sa.ForeignKey("image.id", ondelete="SET NULL")),
    )
    for column in ("phash", "duplicate_of"):
        is_known = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_image_{column}", "image", [column], postgresql_where=is_known)


def _create_sessions() -> None:
    op.create_table(
        "training_session",
        _id(),
        _column("root", sa.Text()),
        sa.Column("name", sa.Text()),
        _column("pack", sa.Text()),
        _column("status", _one_of(STATUSES)),
        _column("options", JSONB()),
        sa.Column("job_id", sa.Text()),
        sa.Column("error", sa.Text()),
        _column("created_at", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
    )


def _create_session_phase() -> None:
    op.create_table(
        "session_phase",
        _link("session_id", "training_session", primary_key=True),
        sa.Column("phase", _one_of(PHASES), primary_key=True),
        _column("status", _one_of(STATUSES)),
        *(_count(name) for name in ("total", "processed", "skipped", "failed", "unchanged")),
        _count("revision"),
        _count("attempt", "1"),
        _column("discovering", sa.Boolean()),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text()),
        sa.Column("step", sa.Text()),
        _count("faces_detected"),
        sa.Column("clusters_found", sa.BigInteger()),
        sa.Column("faces_clustered", sa.BigInteger()),
        sa.Column("faces_ungrouped", sa.BigInteger()),
        sa.CheckConstraint(
            "processed >= 0 AND skipped >= 0 AND failed >= 0"
            " AND processed + skipped + failed <= total",
            name="law",
        ),
    )


def _create_session_item() -> None:
    op.create_table(
        "session_item",
        _link("session_id", "training_session", primary_key=True),
        _link("image_id", "image", primary_key=True),
        sa.Column("position", sa.BigInteger(), sa.Identity(), nullable=False),
        _column("training_state", _one_of(STATES)),
        sa.Column("training_reason", sa.Text()),
        _column("detection_state", _one_of(STATES)),
        sa.Column("detection_reason", sa.Text()),
    )
    op.create_index("ix_session_item_image_id", "session_item", ["image_id"])
    for phase in ("training", "detection"):
        op.create_index(
            f"ix_session_item_{phase}_pending",
            "session_item",
            ["session_id", "position"],
            postgresql_where=sa.text(f"{phase}_state = 'pending'"),
        )


def _create_detection() -> None:
    op.create_table(
        "detection",
        _link("image_id", "image", primary_key=True),
        sa.Column("pack", sa.Text(), primary_key=True),
        _column("faces", sa.BigInteger()),
        _column("detected_at", sa.DateTime(timezone=True)),
    )


def _create_people() -> None:
    op.create_table(
        "person",
        _id(),
        sa.Column("name", sa.Text()),
        _column("hidden", sa.Boolean(), server_default=sa.text("false")),
        _column("pack", sa.Text()),
        _count("version", "1"),
        _column("created_at", sa.DateTime(timezone=True)),
        _column("updated_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_person_pack", "person", ["pack"])


def _create_face() -> None:
    op.create_table(
        "face",
        _id(),
        _link("image_id", "image"),
        _column("pack", sa.Text()),
        *(_column(f"box_{side}", sa.REAL()) for side in ("left", "top", "right", "bottom")),
        _column("landmarks", ARRAY(sa.REAL())),
        _column("score", sa.REAL()),
        _column("quality", sa.REAL()),
        _column("embedding", VECTOR()),
        _column("crop", sa.LargeBinary()),
        sa.Column("person_id", sa.BigInteger(), sa.ForeignKey("person.id", ondelete="SET NULL")),
        _column("placed_by_user", sa.Boolean(), server_default=sa.text("false")),
    )
    for column in ("image_id", "pack", "person_id"):
        op.create_index(f"ix_face_{column}", "face", [column])
