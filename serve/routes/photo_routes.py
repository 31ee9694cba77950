"""The route of a photo: its files, its duplicates, similar photos, and the people in it."""

from __future__ import annotations

from fastapi import APIRouter

from cluster.core.errors import NotFound
from cluster.store.database.engine import begin
from cluster.store.photos.photo_details import get_photo
from serve.answers import problems
from serve.bodies.photo_bodies import PhotoBody
from serve.pack_choice import PackName
from serve.parts import Id, Parts

router = APIRouter(tags=["pictures"])


@router.get("/images/{image_id}", responses=problems(NotFound))
def show_photo(image_id: Id, parts: Parts, pack: PackName) -> PhotoBody:
    """Show a photo: its files, its duplicates, and the people in it who are not hidden."""
    with begin(parts.engine) as db:
        return PhotoBody.from_photo(get_photo(db, image_id, pack=pack))
