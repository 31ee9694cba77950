"""Cuts the crops of faces that only another program has found, by boxes in fractions of a photo."""

from __future__ import annotations

from cluster.core.identity.faces import BoundingBox
from cluster.core.xmp.region_places import Picture, to_pixels
from cluster.vision.photos.crops import cut_crop
from cluster.vision.photos.images import open_image

LONG_SIDE_PX = 1600
"""Enough for a crop of 160 pixels of a face that is a tenth of its photo."""


def cut_region(data: bytes, box: BoundingBox, *, path: str) -> bytes:
    """Return the crop, a JPEG, from the bytes of a photo. Raises UnreadableImage."""
    image = open_image(data, path=path, long_side_px=LONG_SIDE_PX)
    height, width = image.pixels.shape[:2]
    return cut_crop(image.pixels, to_pixels(box, Picture(width, height)))


def cut_from_thumbnail(image_id: int, thumbnail: bytes, box: BoundingBox) -> bytes:
    """Return the crop from the thumbnail of a photo, which is coarser, but always available."""
    return cut_region(thumbnail, box, path=f"the thumbnail of photo {image_id}")
