"""What happens to the files of a photo library: touched, renamed, edited, deleted, brought back.

The random numbers determine every change. A file is replaced in one step, as careful programs do,
and no pixel is ever changed.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

ORIENTATION = 0x0112
FOLDERS = ("portraits", "2019/summer", "album ä", "Sorted")
JPEG, PNG = b"\xff\xd8", b"\x89PNG"
MOST_FILES = 60
MOST_DELETED = 12

Picture = tuple[str, int]
"""The digest of a picture's stored pixels, and the orientation that its file asks for."""


@dataclass
class ChangingFolder:
    """A folder of photos, the bin beside it, and the changes that may happen to them."""

    root: Path
    bin: Path
    deleted: list[tuple[Path, str]] = field(default_factory=list)
    _known: dict[str, Picture] = field(default_factory=dict)

    def list_files(self) -> list[Path]:
        """Return the paths of the photos in the folder, in order."""
        return sorted(path for path in self.root.rglob("*") if path.is_file())

    def look(self) -> dict[str, Picture]:
        """Return what each file shows, by path; each content is decoded once."""
        return {str(path): self._read(path) for path in self.list_files()}

    def _read(self, path: Path) -> Picture:
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._known:
            with Image.open(io.BytesIO(data)) as picture:
                pixels = hashlib.sha256(picture.convert("RGB").tobytes()).hexdigest()[:16]
                self._known[digest] = pixels, int(picture.getexif().get(ORIENTATION, 1))
        return self._known[digest]

    def change(self, draw: random.Random) -> str:
        """Make one random change, and return it in words."""
        name = draw.choice(list(CHANGES))
        return f"{name} {CHANGES[name](self, draw)}"

    def pick(self, draw: random.Random, *, start: bytes = b"") -> Path:
        """Return one of the photos whose content begins with `start`, whatever its name."""
        files = self.list_files()
        return draw.choice([path for path in files if path.read_bytes().startswith(start)])

    def find_place(self, draw: random.Random, name: str) -> Path:
        """Return a free path in one of the folders, with this name or a similar one."""
        folder = self.root / draw.choice(FOLDERS)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        while path.exists():
            path = path.with_stem(f"{path.stem} {draw.randint(2, 99)}")
        return path

    def say(self, path: Path) -> str:
        """Return a path as it is printed."""
        return str(path.relative_to(self.root))


def touch(folder: ChangingFolder, draw: random.Random) -> str:
    """Give some files another modification time."""
    paths = [folder.pick(draw) for _ in range(draw.randint(1, 12))]
    for path in paths:
        now = draw.randint(1_500_000_000, 1_700_000_000)
        os.utime(path, (now, now))
    return ", ".join(map(folder.say, paths))


def rename(folder: ChangingFolder, draw: random.Random) -> str:
    """Give a file another name in its folder."""
    path = folder.pick(draw)
    new = path.with_stem(f"photo {draw.randint(1, 10**6)}")
    return f"{folder.say(path)} to {folder.say(path.rename(new))}"


def move(folder: ChangingFolder, draw: random.Random) -> str:
    """Move a file to a folder."""
    path = folder.pick(draw)
    new = folder.find_place(draw, path.name)
    return f"{folder.say(path)} to {folder.say(path.rename(new))}"


def rename_folder(folder: ChangingFolder, draw: random.Random) -> str:
    """Give a folder another name, and thereby its files another path."""
    old = folder.pick(draw).parent
    new = folder.root / f"folder {draw.randint(1, 10**6)}"
    return f"{folder.say(old)} to {folder.say(old.rename(new))}"


def change_case(folder: ChangingFolder, draw: random.Random) -> str:
    """Write a name in upper case, or swap the case of its letters."""
    path = folder.pick(draw)
    name = path.name.swapcase() if draw.random() < 0.5 else path.name.upper()
    new = path.with_name(name)
    return folder.say(path if new.exists() else path.rename(new))


def change_form(folder: ChangingFolder, draw: random.Random) -> str:
    """Write the name in the other Unicode normal form, as disks of a Mac do."""
    path = folder.pick(draw)
    stem = path.stem if not path.stem.isascii() else f"{path.stem} é"
    form = "NFC" if unicodedata.is_normalized("NFD", stem) else "NFD"
    new = path.with_stem(unicodedata.normalize(form, stem))  # type: ignore[arg-type]
    return folder.say(path if new.exists() else path.rename(new))


def swap(folder: ChangingFolder, draw: random.Random) -> str:
    """Swap the names of two files."""
    one, other = folder.pick(draw), folder.pick(draw)
    if one != other:
        aside = folder.bin / "aside"
        one.rename(aside)
        other.rename(one)
        aside.rename(other)
    return f"{folder.say(one)} and {folder.say(other)}"


def copy(folder: ChangingFolder, draw: random.Random) -> str:
    """Copy a file, with its modification time or without."""
    path = folder.pick(draw)
    if len(folder.list_files()) >= MOST_FILES:
        return "nothing"
    new = folder.find_place(draw, path.name)
    aside = folder.bin / "copy"
    (shutil.copy2 if draw.random() < 0.5 else shutil.copyfile)(path, aside)
    aside.rename(new)
    return f"{folder.say(path)} to {folder.say(new)}"


def delete(folder: ChangingFolder, draw: random.Random) -> str:
    """Move a file to the bin."""
    path = folder.pick(draw)
    if len(folder.deleted) >= MOST_DELETED:
        return "nothing"
    kept = folder.bin / str(draw.getrandbits(64))
    path.rename(kept)
    folder.deleted.append((kept, folder.say(path)))
    return folder.say(path)


def bring_back(folder: ChangingFolder, draw: random.Random) -> str:
    """Move a deleted file back to its old place, or to another one."""
    if not folder.deleted:
        return "nothing"
    kept, place = folder.deleted.pop(draw.randrange(len(folder.deleted)))
    path = folder.root / place
    if path.exists() or draw.random() < 0.5:
        path = folder.find_place(draw, path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    return f"{place} to {folder.say(kept.rename(path))}"


def write_metadata(folder: ChangingFolder, draw: random.Random) -> str:
    """Write a comment into a JPEG or a PNG."""
    path = folder.pick(draw, start=draw.choice((JPEG, PNG)))
    data, comment = path.read_bytes(), b"note\0%d" % draw.getrandbits(64)
    if data.startswith(JPEG):
        length = (len(comment) + 2).to_bytes(2, "big")
        data = data[:2] + b"\xff\xfe" + length + comment + data[2:]
    else:
        chunk = b"tEXt" + comment
        check = zlib.crc32(chunk).to_bytes(4, "big")
        at = 8 + 25  # After the signature and the header.
        data = data[:at] + len(comment).to_bytes(4, "big") + chunk + check + data[at:]
    return replace_file(folder, path, data)


def write_orientation(folder: ChangingFolder, draw: random.Random) -> str:
    """Turn a JPEG by its orientation alone, and write a time into its EXIF block."""
    path = folder.pick(draw, start=JPEG)
    data, orientation = path.read_bytes(), draw.randint(1, 8)
    with Image.open(io.BytesIO(data)) as picture:
        exif = picture.getexif()
    exif[ORIENTATION] = orientation
    exif[0x0132] = f"20{draw.randint(10, 24)}:01:02 03:04:05"
    block = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    at = data.index(b"Exif\0\0")
    end = at - 2 + int.from_bytes(data[at - 2 : at], "big")
    length = (len(block) + 2).to_bytes(2, "big")
    return (
        f"{replace_file(folder, path, data[: at - 2] + length + block + data[end:])} {orientation}"
    )


def replace_file(folder: ChangingFolder, path: Path, data: bytes) -> str:
    """Replace the content of a file in one step."""
    aside = folder.bin / "aside"
    aside.write_bytes(data)
    aside.rename(path)
    return folder.say(path)


CHANGES: Mapping[str, Callable[[ChangingFolder, random.Random], str]] = {
    one.__name__: one
    for one in (
        touch,
        rename,
        move,
        rename_folder,
        change_case,
        change_form,
        swap,
        copy,
        delete,
        bring_back,
        write_metadata,
        write_orientation,
    )
}
