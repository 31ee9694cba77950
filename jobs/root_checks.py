"""Checks the root and the pack that a user names, before anything is started."""

from __future__ import annotations

from cluster.core.errors import (
    BadRoot,
    BadSetting,
    DatabaseUnavailable,
    DatabaseUnusable,
    RootEmpty,
    RootNotFound,
)
from cluster.core.paths import path_to_text
from cluster.settings import Settings
from cluster.store.condition import look_at_embedded
from cluster.store.database.engine import begin
from cluster.store.sessions.library_rows import explain_bad_root
from cluster.vision.packs.pack_files import Pack, resolve_pack
from cluster.vision.sources.library_walk import check_root
from jobs.plans import normalise_root
from jobs.runtime import open_database


def check_root_and_pack(named: str | None, settings: Settings) -> tuple[str, Pack]:
    """Return the root that a user names, in its normal form, and the pack of the settings.

    Raises BadSetting without a root, BadRoot or PackNotFound.
    """
    if named is None:
        raise BadSetting("--root", "name the folder that holds the photos.")
    root = normalise_root(named)
    try:
        check_root(root)
    except (RootNotFound, RootEmpty) as error:
        raise explain_root(settings, error) from None
    return root, resolve_pack(settings.pack, models_dir=settings.models_dir)


def explain_root(settings: Settings, error: BadRoot) -> BadRoot:
    """Return the error about an absent or empty root, extended by the number of known photos.

    No database is created for that. When the database cannot be read, the error stays as it is.
    """
    try:
        is_embedded = settings.database_url is None
        if is_embedded and not look_at_embedded(settings.data_dir).is_made:
            return error
        with open_database(settings) as (_, engine), begin(engine) as db:
            return explain_bad_root(db, error, path_to_text(error.root))
    except (DatabaseUnavailable, DatabaseUnusable, OSError):
        return error
