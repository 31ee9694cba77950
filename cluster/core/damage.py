"""The kinds of damage that `jobs.check` looks for, with the message and the remedy for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

EXAMPLES = 3
"""The number of examples that are shown for a kind of damage."""

NORM_TOLERANCE = 0.01
"""How far from 1 the length of a vector may be; packs normalise in float32, to about 1e-7."""

_BACKUP = "Restore a backup; if the disk is failing, copy data_dir to another one first."
_REPAIR = "python -m jobs.check --repair"
_SESSION = "The next session over the folder brings it up to date."


class DamageKind(StrEnum):
    """A kind of damage; its value is its name in JSON."""

    UNREADABLE = "unreadable"
    COUNTS = "counts"
    LAW = "law"
    NUMBERS_USED = "numbers_used"
    DANGLING = "dangling"
    UNCHECKED = "unchecked_constraints"
    PHOTO_WITHOUT_FILE = "photos_without_file"
    MISSING_FLAG = "missing_flags"
    OWN_DUPLICATE = "own_duplicates"
    PATH_DIGEST = "path_digests"
    NAME_KEY = "name_keys"
    PERSON_WITHOUT_FACE = "people_without_faces"
    VERDICT_WITH_PERSON = "verdicts_with_person"
    FACE_OF_OTHER_PACK = "faces_of_other_pack"
    FACE_COUNT = "face_counts"
    VECTOR = "vectors"
    THUMBNAIL = "thumbnails"
    CROP = "crops"
    INDEX = "indexes"
    DECODED_LEFT = "decoded_left"
    FILE_GONE = "files_gone"
    BACKUP = "backups"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The message for a kind of damage, which follows "N ", the remedy, and whether it is derived.

    Derived data can be computed again from other rows or from the photos, so `--repair` mends it.
    """

    says: str
    cure: str
    is_derived: bool = False


EXPLANATIONS: dict[DamageKind, Explanation] = {
    DamageKind.UNREADABLE: Explanation("parts of the database cannot be read", _BACKUP),
    DamageKind.COUNTS: Explanation("phases have counts unlike their items", _REPAIR, True),
    DamageKind.LAW: Explanation("sessions break the law of progress", _BACKUP),
    DamageKind.NUMBERS_USED: Explanation("tables would assign an id twice", _REPAIR, True),
    DamageKind.DANGLING: Explanation("rows refer to a row that does not exist", _BACKUP),
    DamageKind.UNCHECKED: Explanation("constraints of tables are not enforced", _BACKUP),
    DamageKind.PHOTO_WITHOUT_FILE: Explanation("photos have no file", _BACKUP),
    DamageKind.MISSING_FLAG: Explanation(
        "photos are marked as missing but have a file, or the reverse", _REPAIR, True
    ),
    DamageKind.OWN_DUPLICATE: Explanation(
        "photos are duplicates of, or similar to, themselves", _REPAIR, True
    ),
    DamageKind.PATH_DIGEST: Explanation(
        "files or libraries cannot be found by their path", _REPAIR, True
    ),
    DamageKind.NAME_KEY: Explanation("people cannot be found by their name", _REPAIR, True),
    DamageKind.PERSON_WITHOUT_FACE: Explanation(
        "people have neither a face nor a name", _REPAIR, True
    ),
    DamageKind.VERDICT_WITH_PERSON: Explanation(
        "faces were set aside but belong to a person", _BACKUP
    ),
    DamageKind.FACE_OF_OTHER_PACK: Explanation("faces belong to a person of another pack", _BACKUP),
    DamageKind.FACE_COUNT: Explanation(
        "photos have another number of faces than when they were searched", _REPAIR, True
    ),
    DamageKind.VECTOR: Explanation(
        "faces have a vector of a wrong length, or one that is not normalised", _REPAIR, True
    ),
    DamageKind.THUMBNAIL: Explanation("thumbnails are not complete JPEGs", _REPAIR, True),
    DamageKind.CROP: Explanation("pictures of faces are not complete JPEGs", _REPAIR, True),
    DamageKind.INDEX: Explanation("indexes do not agree with their tables", _REPAIR, True),
    DamageKind.DECODED_LEFT: Explanation(
        "folders of decoded photos belong to no unfinished session", _REPAIR, True
    ),
    DamageKind.FILE_GONE: Explanation("files are not where the last session found them", _SESSION),
    DamageKind.BACKUP: Explanation(
        "backups cannot be read", "Delete them, and make a new one; is the disk failing?"
    ),
}


@dataclass(frozen=True, slots=True)
class Damage:
    """Damage of one kind: the number of damaged things, and examples by id or by path.

    `examples` never hold the name of a person. `keys` are the ids that `--repair` needs, if any.
    """

    kind: DamageKind
    count: int
    examples: tuple[str, ...] = ()
    keys: tuple[int, ...] = ()

    @property
    def explanation(self) -> Explanation:
        """The message and the remedy for this kind of damage."""
        return EXPLANATIONS[self.kind]


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a check. `notes` are not damage; `examined` counts what was checked."""

    damage: tuple[Damage, ...]
    notes: tuple[str, ...]
    examined: tuple[tuple[str, int], ...]

    @property
    def is_fine(self) -> bool:
        """True if no damage was found."""
        return not self.damage


def describe_damage(damage: Damage) -> str:
    """Return a line about damage, with examples."""
    shown = ", ".join(damage.examples[:EXAMPLES])
    more = ", ..." if damage.count > min(len(damage.examples), EXAMPLES) else ""
    return f"{damage.count:,} {damage.explanation.says}{f': {shown}{more}' if shown else ''}"


def merge_damage(found: Iterable[Damage]) -> tuple[Damage, ...]:
    """Return one Damage for each kind that occurs, in the order of DamageKind."""
    by_kind: dict[DamageKind, list[Damage]] = {}
    for one in found:
        if one.count:
            by_kind.setdefault(one.kind, []).append(one)
    return tuple(_sum(by_kind[kind]) for kind in DamageKind if kind in by_kind)


def _sum(same: Sequence[Damage]) -> Damage:
    return Damage(
        same[0].kind,
        sum(one.count for one in same),
        tuple(example for one in same for example in one.examples),
        tuple(key for one in same for key in one.keys),
    )
