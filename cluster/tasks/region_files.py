"""Reads the face regions of a library: from its photos, and from the sidecars beside them.

No photo is changed. Pixels are decoded only of a photo that no session has read yet.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cluster.core.errors import UnreadableImage
from cluster.core.files.paths import is_url, path_to_text, text_to_path
from cluster.core.pictures.photos import FoundPhoto
from cluster.core.xmp.packet_elements import MAX_PACKET_BYTES
from cluster.core.xmp.region_places import Picture
from cluster.core.xmp.region_reading import PhotoRegions, has_regions, read_regions
from cluster.core.xmp.sidecar_names import SUFFIX, list_sidecars
from cluster.store.decisions.region_placing import NewPlace
from cluster.store.decisions.region_rows import ReadPhoto
from cluster.store.people.named_faces import NamedFile
from cluster.vision.photos.images import open_image
from cluster.vision.photos.region_crops import cut_region
from cluster.vision.photos.xmp_packets import Embedded, read_packets
from cluster.vision.sources.folder_walk import is_inside, resolve_folders
from cluster.vision.sources.library_walk import walk_photos
from cluster.vision.sources.photo_bytes import open_photo, read_photo

MOST_FAULTS = 1_000


@dataclass
class ReadFaults:
    """The regions that were left out, counted by reason; `faults` hold a file and its reason."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, path: str, found: PhotoRegions) -> None:
        """Add the regions of a photo that were left out."""
        for kind in ("unnamed", "cropped", "unreadable"):
            self.counts[kind] += getattr(found, kind)
        for fault in found.faults:
            self.fail(path, fault)
        if found.cropped:
            self.fail(path, "its regions belong to a picture of another shape")

    def fail(self, path: str, reason: str) -> None:
        """Add a file that could not be read."""
        self.counts["failed"] += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append((path, reason))


@dataclass(frozen=True)
class LibraryReader:
    """Reads the regions of the photos below a root.

    `known` are the files that sessions have read, by path. `mirror` is a folder of sidecars with
    the structure of the library; it takes precedence over the sidecars beside the photos. Links
    that leave `confined_to` are not followed.
    """

    root: str
    known: dict[str, NamedFile]
    mirror: str | None
    faults: ReadFaults
    confined_to: Sequence[Path] | None = None

    def read(self) -> Iterator[ReadPhoto]:
        """Yield each photo with regions, and each known photo, whose regions may have been
        removed.
        """
        for photo in walk_photos(self.root, confined_to=self.confined_to):
            try:
                read = self._read(photo)
            except UnreadableImage as error:
                self.faults.fail(photo.path, error.reason)
                continue
            if read is not None:
                yield read

    def _read(self, photo: FoundPhoto) -> ReadPhoto | None:
        known = self.known.get(photo.path)
        is_same = known is not None and (known.size, known.modified_ns) == (
            photo.size,
            photo.modified_ns,
        )
        embedded = self._collect(photo.path)
        if not any(has_regions(packet) for packet in embedded.packets):
            return ReadPhoto(known.path, known.sha256, known.picture, ()) if known else None
        if known is not None and is_same:
            sha256, picture = known.sha256, known.picture
        else:
            sha256, picture = _look_at(photo.path)
        if embedded.turned is not None and picture.orientation == 1:
            # The HEIC reader has turned the picture, and reports the original orientation.
            measured = Picture(picture.width, picture.height, embedded.turned)
        else:
            measured = picture
        found = read_regions(embedded.packets, measured)
        self.faults.add(photo.path, found)
        return ReadPhoto(photo.path, sha256, picture, found.regions)

    def _collect(self, path: str) -> Embedded:
        """Return the packets of a photo: those of its sidecars, the surest first, then its own."""
        sidecars = list_sidecars(path, is_url=is_url(path))
        if self.mirror is not None:
            relative = path[len(self.root.rstrip("/")) + 1 :]
            sidecars = [path_to_text(os.path.join(self.mirror, relative + SUFFIX)), *sidecars]
        allowed = resolve_folders(self.confined_to)
        packets = [data for one in sidecars if (data := _find_bytes(one, allowed)) is not None]
        with open_photo(path) as file:
            embedded = read_packets(file)
        return Embedded((*packets, *embedded.packets), embedded.turned)


def cut_new_faces(places: Iterable[NewPlace]) -> dict[tuple[int, object], bytes]:
    """Return the crops of new faces, by photo and box, if the photo can be read."""
    crops: dict[tuple[int, object], bytes] = {}
    for place in places:
        try:
            data = read_photo(place.path)
            crops[place.image_id, place.box] = cut_region(data, place.box_in_file, path=place.path)
        except UnreadableImage:
            continue  # The crop is then cut from the thumbnail.
    return crops


def _find_bytes(path: str, allowed: list[str] | None) -> bytes | None:
    """Return the bytes of a sidecar; None if it does not exist, or is a link that leads out."""
    if not is_url(path) and not is_inside(text_to_path(path), allowed):
        return None
    try:
        return read_photo(path, max_bytes=MAX_PACKET_BYTES)
    except UnreadableImage:
        return None


def _look_at(path: str) -> tuple[bytes, Picture]:
    """Return the SHA-256 of a photo that no session has read, and its size and orientation."""
    data = read_photo(path)
    image = open_image(data, path=path, long_side_px=160)
    return hashlib.sha256(data).digest(), Picture(image.width, image.height, image.orientation)
