"""A library of real pictures with faces at given places, and XMP as programs write it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import ExifTags, Image
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox
from cluster.core.pictures.photos import DetectionOutcome, FoundPhoto, TrainingOutcome
from cluster.core.pictures.placements import has_swapped_sides, invert_turn
from cluster.core.sessions import Move, PhaseName
from cluster.store.database.engine import begin
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import skip_known
from cluster.store.sessions.phase_rows import complete_phase, finish_discovery, start_phase
from cluster.store.sessions.session_rows import move_session
from cluster.vision.photos.images import UPRIGHT_BY, open_image
from cluster.vision.relations.content_digests import digest_content
from tests.library import NOW, PACK, ids_of, make_face, record, settle_training, start_session

SIZE = (400, 300)
"""The upright size of the pictures."""

LEFT, RIGHT = BoundingBox(0.1, 0.2, 0.3, 0.5), BoundingBox(0.6, 0.4, 0.8, 0.8)
"""Two faces, in fractions of the upright picture."""


def make_jpeg(
    path: Path, *, orientation: int = 1, size: tuple[int, int] = SIZE, seed: int = 0
) -> Path:
    """Write a JPEG whose upright picture has this size; each seed gives another picture."""
    noise = hashlib.shake_256(f"{seed}".encode()).digest(12 * 9 * 3)
    upright = Image.frombytes("RGB", (12, 9), noise).resize(size, Image.Resampling.BICUBIC)
    turn = UPRIGHT_BY.get(invert_turn(orientation))
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored.save(path, "JPEG", exif=exif, quality=90)
    return path


def store_size(orientation: int, size: tuple[int, int] = SIZE) -> tuple[int, int]:
    """The size of the stored picture."""
    return (size[1], size[0]) if has_swapped_sides(orientation) else size


def index(
    engine: Engine,
    root: Path,
    faces: Mapping[str, Sequence[BoundingBox]],
    *,
    pack: str = PACK,
) -> dict[str, list[int]]:
    """Run a session over the JPEGs of a folder; return the ids of the faces by file name.

    `faces` are the boxes that detection finds, in fractions of the upright picture.
    """
    with begin(engine) as db:
        session_id = start_session(db, pack=pack, root=str(root))
        paths = sorted(root.rglob("*.jpg"))
        found = [_find(path) for path in paths]
        add_found(db, session_id, found, pack=pack)
        finish_discovery(db, session_id)
        ids = ids_of(db, session_id)
        outcomes = [_read(ids[path.stem], path) for path in paths if path.stem in ids]
        settle_training(db, session_id, outcomes, pack=pack)
        complete_phase(db, session_id, PhaseName.TRAINING, now=NOW)
        start_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
        skip_known(db, session_id)
        ids = ids_of(db, session_id, PhaseName.FACE_DETECTION)
        detected = [
            DetectionOutcome(file_id, tuple(_make_faces(file_id, faces.get(name, ()))))
            for name, file_id in ids.items()
        ]
        settle_detection(db, session_id, detected, pack=pack, now=NOW)
        complete_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
        complete_phase(db, session_id, PhaseName.CLUSTERING, now=NOW)
        move_session(db, session_id, Move.COMPLETE, now=NOW)
        return list_face_ids(db, pack=pack)


def list_face_ids(db: Session, *, pack: str = PACK) -> dict[str, list[int]]:
    """The ids of the faces by the names of their files."""
    query = text(
        "SELECT k.path, f.id FROM face f JOIN file k ON k.image_id = f.image_id"
        " WHERE f.pack = :pack AND NOT k.superseded ORDER BY k.path, f.id"
    )
    ids: dict[str, list[int]] = {}
    for row in db.execute(query, {"pack": pack}):
        ids.setdefault(Path(row.path).stem, []).append(row.id)
    return ids


def _find(path: Path) -> FoundPhoto:
    status = path.stat()
    return FoundPhoto(str(path), status.st_size, status.st_mtime_ns)


def _read(file_id: int, path: Path) -> TrainingOutcome:
    data = path.read_bytes()
    image = open_image(data, path=str(path))
    thumbnail = io.BytesIO()
    Image.fromarray(image.pixels).save(thumbnail, "JPEG")
    made = replace(
        record(path.stem),
        sha256=hashlib.sha256(data).digest(),
        width=image.width,
        height=image.height,
        orientation=image.orientation,
        content=digest_content(data, image),
        thumbnail=thumbnail.getvalue(),
    )
    return TrainingOutcome(file_id, made)


def _make_faces(file_id: int, boxes: Sequence[BoundingBox]) -> list[object]:
    width, height = SIZE
    return [
        replace(
            make_face(100 * file_id + n),
            box=BoundingBox(
                box.left * width, box.top * height, box.right * width, box.bottom * height
            ),
        )
        for n, box in enumerate(boxes)
    ]


@dataclass(frozen=True)
class Tag:
    """A name and its box, in fractions of the stored or the upright picture."""

    name: str
    box: BoundingBox


def write_mwg(tags: Sequence[Tag], applied: tuple[int, int] | None = None) -> str:
    """MWG regions with nested descriptions, as digiKam writes them."""
    items = "".join(
        f"""<rdf:li><rdf:Description mwg-rs:Name="{tag.name}" mwg-rs:Type="Face">
        <mwg-rs:Area stArea:x="{(tag.box.left + tag.box.right) / 2}"
          stArea:y="{(tag.box.top + tag.box.bottom) / 2}" stArea:w="{tag.box.width}"
          stArea:h="{tag.box.height}" stArea:unit="normalized"/></rdf:Description></rdf:li>"""
        for tag in tags
    )
    size = (
        ""
        if applied is None
        else f"""<mwg-rs:AppliedToDimensions stDim:w="{applied[0]}" stDim:h="{applied[1]}"
          stDim:unit="pixel"/>"""
    )
    return wrap(
        f"""<mwg-rs:Regions rdf:parseType="Resource">{size}
        <mwg-rs:RegionList><rdf:Bag>{items}</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"""
    )


def write_mp(tags: Sequence[Tag]) -> str:
    """Microsoft's regions, as Windows Live Photo Gallery writes them."""
    items = "".join(
        f"""<rdf:li MPReg:PersonDisplayName="{tag.name}" MPReg:Rectangle="{tag.box.left},
        {tag.box.top}, {tag.box.width}, {tag.box.height}"/>"""
        for tag in tags
    )
    return wrap(
        f"""<MP:RegionInfo><rdf:Description><MPRI:Regions><rdf:Bag>{items}</rdf:Bag>
        </MPRI:Regions></rdf:Description></MP:RegionInfo>"""
    )


def wrap(body: str) -> str:
    """An XMP packet with these properties."""
    return f"""<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
    <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
      xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
      xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"
      xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
      xmlns:MP="http://ns.microsoft.com/photo/1.2/"
      xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
      xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"
      xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg">{body}</rdf:Description>
    </rdf:RDF></x:xmpmeta>"""
