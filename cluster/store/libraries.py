"""Libraries: the roots that sessions went over, and which files lie below one."""

from __future__ import annotations

import hashlib

from sqlalchemy import text
from sqlalchemy.orm import Session

_PROVIDE = text(
    """
    INSERT INTO library (root, root_sha256) VALUES (:root, :digest)
    ON CONFLICT (root_sha256) DO UPDATE SET root = EXCLUDED.root RETURNING id
    """
)


def provide_library(db: Session, root: str) -> int:
    """Return the id of the library over `root`, which is made unless it is there."""
    digest = hashlib.sha256(root.encode()).digest()
    return int(db.execute(_PROVIDE, {"root": root, "digest": digest}).scalar_one())


def path_prefix(root: str) -> str:
    """Return what the paths of all files below `root` begin with."""
    return root if root.endswith("/") else f"{root}/"
