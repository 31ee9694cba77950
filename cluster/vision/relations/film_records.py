"""Makes the record of a film that training stores.

Films are copies of each other only if their coded pictures are equal. Therefore the hashes of a
film come from a digest, and it has no blocks, so that it resembles no other photo.
"""

from __future__ import annotations

from cluster.core.pictures.photos import PhotoRecord
from cluster.vision.films.film_cursor import open_film
from cluster.vision.films.film_facts import read_facts
from cluster.vision.relations.fingerprints import make_thumbnail


def read_film_record(path: str, *, sha256: bytes, max_pixels: int) -> PhotoRecord:
    """Return the record of the film with this digest.

    Raises UnreadableImage and UnreachableImage.
    """
    with open_film(path, max_pixels=max_pixels) as film:
        facts = read_facts(film, path=path)
    return PhotoRecord(
        sha256=sha256,
        width=facts.width,
        height=facts.height,
        taken_at=facts.taken_at,
        phash=int.from_bytes(facts.content[:8], "big"),
        dhash=int.from_bytes(facts.content, "big"),
        thumbnail=make_thumbnail(facts.poster),
        content=facts.content,
        duration_s=facts.duration_s,
    )
