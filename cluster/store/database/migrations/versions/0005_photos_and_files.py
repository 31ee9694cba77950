"""Photos are separated from their files, and libraries get a table.

Each row of `image` was a file. It becomes a file with the same id, so that items keep their ids.
Its picture, if it was read, becomes a photo with the same id. Exact copies become files of one
photo.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_FILES = """
    INSERT INTO file (
        id, path, path_sha256, size, modified_ns, is_read, sha256, unreadable, image_id
    )
    OVERRIDING SYSTEM VALUE
    SELECT id, path, path_sha256, size, modified_ns, sha256 IS NOT NULL OR unreadable IS NOT NULL,
        sha256, unreadable, CASE WHEN sha256 IS NOT NULL THEN id END
    FROM image
    """

# Copies have equal bytes, were not searched by a pack themselves, and have no erased face that is
# not also marked in the other photo.
_COPIES = """
    CREATE TEMP TABLE copy ON COMMIT DROP AS
    SELECT c.id, r.id AS original FROM image c JOIN image r ON r.id = c.duplicate_of
    WHERE c.sha256 = r.sha256
        AND NOT EXISTS (SELECT FROM detection d WHERE d.image_id = c.id)
        AND NOT EXISTS (SELECT FROM face f WHERE f.image_id = c.id)
    """
_MERGE = (
    "UPDATE file SET image_id = original FROM copy WHERE file.image_id = copy.id",
    "UPDATE image SET duplicate_of = original FROM copy WHERE duplicate_of = copy.id",
    """
    INSERT INTO erased_face (image_id, box_left, box_top, box_right, box_bottom)
    SELECT DISTINCT c.original, e.box_left, e.box_top, e.box_right, e.box_bottom
    FROM erased_face e JOIN copy c ON c.id = e.image_id
    WHERE NOT EXISTS (SELECT FROM erased_face o WHERE o.image_id = c.original)
    """,
    "DELETE FROM image WHERE id IN (SELECT id FROM copy)",
    "DELETE FROM image WHERE sha256 IS NULL",
)

# Since PostgreSQL 18, NOT NULL is a constraint with a name.
_RENAME_NOT_NULL = """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_constraint WHERE conname = 'session_item_image_id_not_null') THEN
            ALTER TABLE session_item RENAME CONSTRAINT session_item_image_id_not_null
            TO session_item_file_id_not_null;
        END IF;
    END $$
    """

_LIBRARIES = (
    """
    INSERT INTO library (root, root_sha256)
    SELECT root, sha256(convert_to(root, 'UTF8')) FROM training_session
    GROUP BY root ORDER BY min(id)
    """,
    "UPDATE training_session t SET library_id = l.id FROM library l WHERE l.root = t.root",
)


def upgrade() -> None:
    """Create the tables of files and libraries, and fill them."""
    _make_file()
    op.execute(_FILES)
    op.execute(_set_sequence("file"))
    _let_items_be_files()
    op.execute(_COPIES)
    for statement in _MERGE:
        op.execute(statement)
    _let_images_be_photos()
    _make_libraries()


def _set_sequence(table: str) -> str:
    sequence = f"pg_get_serial_sequence('{table}', 'id')"
    return f"SELECT setval({sequence}, max(id)) FROM {table} HAVING max(id) IS NOT NULL"


def _make_file() -> None:
    image = sa.ForeignKey("image.id", ondelete="SET NULL")
    op.create_table(
        "file",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("path_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger()),
        sa.Column("modified_ns", sa.BigInteger()),
        sa.Column("etag", sa.Text()),
        sa.Column("is_read", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("sha256", sa.LargeBinary()),
        sa.Column("unreadable", sa.Text()),
        sa.Column("image_id", sa.BigInteger(), image),
        sa.Column("missing_since", sa.DateTime(timezone=True)),
        sa.Column("superseded", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
    op.create_index(
        "uq_file_path",
        "file",
        ["path_sha256"],
        unique=True,
        postgresql_where=sa.text("NOT superseded"),
    )
    op.create_index("ix_file_image_id", "file", ["image_id"])
    op.create_index(
        "ix_file_sha256", "file", ["sha256"], postgresql_where=sa.text("sha256 IS NOT NULL")
    )


def _let_items_be_files() -> None:
    op.drop_constraint("fk_session_item_image_id", "session_item")
    op.drop_index("ix_session_item_image_id", "session_item")
    op.alter_column("session_item", "image_id", new_column_name="file_id")
    op.execute(_RENAME_NOT_NULL)
    op.create_foreign_key(
        "fk_session_item_file_id", "session_item", "file", ["file_id"], ["id"], ondelete="CASCADE"
    )
    op.create_index("ix_session_item_file_id", "session_item", ["file_id"])


def _let_images_be_photos() -> None:
    op.drop_index("ix_image_phash", "image")
    for name in ("path", "path_sha256", "size", "modified_ns", "sha256", "unreadable"):
        op.drop_column("image", name)
    for name in ("width", "height", "phash", "dhash", "thumbnail"):
        op.alter_column("image", name, nullable=False)
    op.add_column("image", sa.Column("content", sa.LargeBinary()))
    orientation = sa.Column("orientation", sa.BigInteger(), nullable=False, server_default="1")
    op.add_column("image", orientation)
    blocks = sa.Column("blocks", sa.LargeBinary(), nullable=False, server_default=sa.text("''"))
    op.add_column("image", blocks)
    similar = sa.ForeignKey("image.id", name="fk_image_similar_to", ondelete="SET NULL")
    op.add_column("image", sa.Column("similar_to", sa.BigInteger(), similar))
    op.add_column("image", sa.Column("missing_since", sa.DateTime(timezone=True)))
    op.create_index("uq_image_content", "image", ["content", "orientation"], unique=True)
    for n in range(4):
        quarter = sa.text(f"((phash >> {16 * n}) & 65535)")
        op.create_index(f"ix_image_phash_{n}", "image", [quarter])
    op.create_index(
        "ix_image_similar_to",
        "image",
        ["similar_to"],
        postgresql_where=sa.text("similar_to IS NOT NULL"),
    )
    op.create_index(
        "ix_image_missing", "image", ["id"], postgresql_where=sa.text("missing_since IS NOT NULL")
    )


def _make_libraries() -> None:
    op.create_table(
        "library",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("root_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("known", sa.BigInteger()),
        sa.Column("gone", sa.BigInteger()),
        sa.UniqueConstraint("root_sha256", name="uq_library_root_sha256"),
    )
    library = sa.ForeignKey("library.id", name="fk_training_session_library_id", ondelete="CASCADE")
    op.add_column("training_session", sa.Column("library_id", sa.BigInteger(), library))
    for statement in _LIBRARIES:
        op.execute(statement)
    op.alter_column("training_session", "library_id", nullable=False)
    op.create_index("ix_training_session_library_id", "training_session", ["library_id"])
    census = sa.Column(
        "census", sa.dialects.postgresql.JSONB(), nullable=False, server_default=sa.text("'{}'")
    )
    op.add_column("training_session", census)


def downgrade() -> None:
    """Raise, because files of one photo cannot become separate photos without being read again."""
    raise NotImplementedError("Restore the backup that was made before revision 0005.")
