"""Checks the root and the pack that a user names, before anything is started."""

from __future__ import annotations

from cluster.core.errors import BadSetting, RootEmpty, RootNotFound
from cluster.settings import Settings
from cluster.vision.packs.pack_files import Pack, resolve_pack
from cluster.vision.sources.library_walk import check_root
from jobs.running.plans import explain_root, normalise_root


def check_root_and_pack(named: str | None, settings: Settings) -> tuple[str, Pack]:
    """Return the root that a user names, in its normal form, and the pack of the settings.

    Raises BadSetting without a root, BadRoot or PackNotFound.
    """
    if named is None:
        raise BadSetting("--root", "name the folder of the photos.")
    root = normalise_root(named)
    try:
        check_root(root)
    except (RootNotFound, RootEmpty) as error:
        raise explain_root(settings, error) from None
    return root, resolve_pack(settings.pack, models_dir=settings.models_dir)
