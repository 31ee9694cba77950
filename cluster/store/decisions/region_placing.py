"""Places the named regions of XMP: assigns faces, names people, and adds new faces.

Decisions of users of this library always stay: names, placed faces, verdicts, erased faces. Regions
that contradict them are kept and reported. These changes are not in the undo log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.decisions.decision_format import LeftReason
from cluster.core.identity.faces import BoundingBox
from cluster.core.identity.people import fold_name
from cluster.core.xmp.region_choices import Choices, Group, Wish, choose_names
from cluster.core.xmp.region_matching import is_same_face, match_regions
from cluster.core.xmp.region_places import to_pixels
from cluster.core.xmp.region_reading import NamedRegion
from cluster.store.decisions.kept_regions import LeftRegion, keep_regions, list_waiting_regions
from cluster.store.decisions.region_rows import KnownFace, KnownPhoto, ReadPhoto, find_photos
from cluster.store.decisions.unseen_faces import Cut, add_unseen_face, recount_faces
from cluster.store.locks import lock_people
from cluster.store.people.claims import touch_people

_GROUPS = text(
    """
    SELECT p.id, count(f.id) AS faces, EXISTS (
        SELECT FROM person_change c WHERE c.pack = p.pack AND c.person_id = p.id
            AND c.kind = 'rename' AND c.undone_at IS NULL
    ) AS lost_its_name
    FROM person p LEFT JOIN face f ON f.person_id = p.id WHERE p.id = ANY(:ids) GROUP BY p.id
    """
)
_NAMED = text("SELECT name_key, id FROM person WHERE pack = :pack AND name_key IS NOT NULL")
_NAME = text(
    """
    UPDATE person SET name = :name, name_key = :key, version = version + 1, updated_at = :now
    WHERE id = :id
    """
)
_CREATE = text(
    """
    INSERT INTO person (pack, name, name_key, created_at, updated_at)
    VALUES (:pack, :name, :key, :now, :now) RETURNING id
    """
)
_PLACE = text(
    """
    UPDATE face SET person_id = :person_id, placed_by_user = true, placed_at = :now
    WHERE id = ANY(:ids)
    """
)
_DROP_COVERS = text(
    """
    UPDATE person p SET cover_face_id = NULL FROM face f
    WHERE f.id = p.cover_face_id AND f.id = ANY(:ids) AND f.person_id IS DISTINCT FROM p.id
    """
)
_DELETE_EMPTY = text(
    """
    DELETE FROM person p WHERE p.id = ANY(:ids) AND p.name IS NULL
        AND NOT EXISTS (SELECT FROM face f WHERE f.person_id = p.id)
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRegions:
    """The changes made by the names of regions.

    `placed` faces were placed with a person or confirmed there, `added` of them are new faces
    without a vector, `named` people got a name, and `created` people are new. `unchanged` regions
    changed nothing, and `erased` ones lie where a face was erased. `left` regions could not be
    placed, and are kept.
    """

    placed: int = 0
    added: int = 0
    named: int = 0
    created: int = 0
    unchanged: int = 0
    erased: int = 0
    left: tuple[LeftRegion, ...] = ()

    @property
    def conflicts(self) -> tuple[LeftRegion, ...]:
        """The regions that contradict decisions of users here."""
        waiting = (LeftReason.PHOTO_ABSENT, LeftReason.NO_FACE)
        return tuple(one for one in self.left if one.reason not in waiting)


@dataclass(slots=True)
class _Named:
    """A region and the face that it names."""

    read: ReadPhoto
    region: NamedRegion
    face: KnownFace
    photo: KnownPhoto

    @property
    def key(self) -> str:
        return fold_name(self.region.name)


@dataclass
class _Sorted:
    """The regions, sorted by how they are treated."""

    wishes: list[_Named] = field(default_factory=list)
    by_face: dict[int, _Named] = field(default_factory=dict)
    agreed: list[_Named] = field(default_factory=list)
    left: list[LeftRegion] = field(default_factory=list)
    erased: int = 0

    def sort(self, read: ReadPhoto, photo: KnownPhoto | None) -> None:
        """Sort the regions of a file."""
        if photo is None or not photo.is_searched:
            reason = LeftReason.PHOTO_ABSENT if photo is None else LeftReason.NO_FACE
            self.left += [LeftRegion(read, region, reason) for region in read.regions]
            return
        boxes = [photo.place(region.box) for region in read.regions]
        matches = match_regions([face.box for face in photo.faces], boxes)
        erased = match_regions(photo.erased, boxes)
        for n, region in enumerate(read.regions):
            if n not in matches and n in erased:
                self.erased += 1
                continue
            # A second region of one face must not become a second face.
            near = next((one for one in photo.faces if is_same_face(one.box, boxes[n])), None)
            face = photo.faces[matches[n]] if n in matches else near
            if face is None:
                face = KnownFace(None, photo.id, boxes[n])
                photo.faces.append(face)
            self._judge(_Named(read, region, face, photo))

    def _judge(self, one: _Named) -> None:
        face = one.face
        is_with_nobody = face.is_placed and face.person_id is None
        if face.is_set_aside or is_with_nobody:
            self.left.append(LeftRegion(one.read, one.region, LeftReason.PLACED_HERE))
        elif face.name_key is None:
            self._wish(one)
        elif face.name_key == one.key:
            self.agreed.append(one)
        else:
            self.left.append(LeftRegion(one.read, one.region, LeftReason.NAMED_HERE, face.name))

    def _wish(self, one: _Named) -> None:
        """Add a wish for a face; of several files of one photo, the first one counts."""
        before = self.by_face.setdefault(id(one.face), one)
        if before is one:
            self.wishes.append(one)
        elif before.key != one.key:
            name = before.region.name
            self.left.append(LeftRegion(one.read, one.region, LeftReason.NAMED_HERE, name))


def place_regions(
    db: Session, reads: Sequence[ReadPhoto], *, pack: str, cut: Cut, now: datetime
) -> PlacedRegions:
    """Place the regions of these files with the faces of a pack; keep those that cannot be placed.

    A region where the pack found no face becomes a face without a vector. Called again with the
    same regions, it changes nothing.
    """
    lock_people(db)
    found = _Sorted()
    for read, photo in zip(reads, find_photos(db, reads, pack=pack), strict=True):
        found.sort(read, photo)
    in_use = {row.name_key: row.id for row in db.execute(_NAMED, {"pack": pack})}
    choices = choose_names(_list_wishes(found), _list_groups(db, found), in_use)
    refused = [found.wishes[n] for n in sorted(choices.refused)]
    found.left += [LeftRegion(one.read, one.region, LeftReason.PLACED_HERE) for one in refused]
    spellings = {one.key: one.region.name for one in reversed(found.wishes)}
    people = _Names(spellings, in_use, pack, now)
    people.give(db, choices)
    added = _add_faces(db, [found.wishes[n] for n in choices.moves], pack=pack, cut=cut)
    placed = _place(db, found, choices, people, now=now)
    keep_regions(db, reads, found.left, now=now)
    return PlacedRegions(
        placed=placed,
        added=added,
        named=len(choices.names),
        created=people.created,
        unchanged=sum(one.face.is_placed for one in found.agreed),
        erased=found.erased,
        left=tuple(found.left),
    )


def place_kept_regions(db: Session, *, pack: str, cut: Cut, now: datetime) -> PlacedRegions:
    """Place the kept regions whose photo the pack has searched since."""
    waiting = list_waiting_regions(db, pack=pack)
    if not waiting:
        return PlacedRegions()
    return place_regions(db, waiting, pack=pack, cut=cut, now=now)


@dataclass(frozen=True, slots=True)
class NewPlace:
    """A face to add: a file of its photo, and its box in both, in fractions."""

    image_id: int
    path: str
    box: BoundingBox
    box_in_file: BoundingBox


def list_new_places(db: Session, reads: Sequence[ReadPhoto], *, pack: str) -> list[NewPlace]:
    """Return the faces that `place_regions` would add, so that they can be cut from the photos."""
    found = _Sorted()
    for read, photo in zip(reads, find_photos(db, reads, pack=pack), strict=True):
        found.sort(read, photo)
    return [
        NewPlace(one.photo.id, one.read.path, one.face.box, one.region.box)
        for one in found.wishes
        if one.face.id is None
    ]


@dataclass
class _Names:
    """The people by their names; a missing person is created on demand."""

    spellings: dict[str, str]
    people: dict[str, int]
    pack: str
    now: datetime
    created: int = 0

    def give(self, db: Session, choices: Choices) -> None:
        """Give the chosen people their names."""
        for person_id, key in choices.names.items():
            values = {"id": person_id, "name": self.spellings[key], "key": key, "now": self.now}
            db.execute(_NAME, values)
            self.people[key] = person_id

    def get(self, db: Session, key: str) -> int:
        """Return the id of the person with this name, and create the person if necessary."""
        if key not in self.people:
            values = {"pack": self.pack, "name": self.spellings[key], "key": key, "now": self.now}
            self.people[key] = db.execute(_CREATE, values).scalar_one()
            self.created += 1
        return self.people[key]


def _list_wishes(found: _Sorted) -> list[Wish]:
    return [
        Wish(n, one.key, one.face.person_id, one.face.is_placed)
        for n, one in enumerate(found.wishes)
    ]


def _list_groups(db: Session, found: _Sorted) -> dict[int, Group]:
    ids = sorted({one.face.person_id for one in found.wishes if one.face.person_id is not None})
    rows = db.execute(_GROUPS, {"ids": ids})
    return {row.id: Group(row.faces, row.lost_its_name) for row in rows}


def _add_faces(db: Session, named: Iterable[_Named], *, pack: str, cut: Cut) -> int:
    """Add the faces that no pack found; return how many."""
    new = [one for one in named if one.face.id is None]
    for one in new:
        box = to_pixels(one.face.box, one.photo.picture)
        one.face.id = add_unseen_face(db, one.photo.id, box, shown=one.face.box, pack=pack, cut=cut)
    recount_faces(db, {one.photo.id for one in new})
    return len(new)


def _place(db: Session, found: _Sorted, choices: Choices, people: _Names, *, now: datetime) -> int:
    """Place faces with their people, or confirm them there; return how many."""
    targets: dict[int, list[int]] = {}
    sources: set[int] = set()
    moved = [(found.wishes[n], people.get(db, key)) for n, key in choices.moves.items()]
    agreed = [(one, one.face.person_id) for one in found.agreed if not one.face.is_placed]
    for one, person_id in [*moved, *agreed]:
        if one.face.id is None or person_id is None:
            raise TypeError("A region is placed with a face and a person that exist.")
        if one.face.is_placed and one.face.person_id == person_id:
            continue
        targets.setdefault(person_id, []).append(one.face.id)
        if one.face.person_id not in (None, person_id):
            sources.add(one.face.person_id)
    for person_id, ids in targets.items():
        db.execute(_PLACE, {"person_id": person_id, "ids": ids, "now": now})
        db.execute(_DROP_COVERS, {"ids": ids})
    touch_people(db, sorted({*sources, *targets}), now=now)
    db.execute(_DELETE_EMPTY, {"ids": sorted(sources)})
    return sum(map(len, targets.values()))
