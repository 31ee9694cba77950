"""The channels that a command was given for one run, in files that only their user can read.

The database holds only the names of channels. If the command is killed, another process finds the
URLs here and sends the remaining notices. A file is removed when no notice waits for its channel.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from cluster.core.notices import Channel

FOLDER = "notify"
"""The folder below data_dir."""

_MODE = 0o600
_NAME_SIGN, _FILE_SIGN = ":", "-"


def keep_channels(folder: Path, channels: Iterable[Channel]) -> None:
    """Write each channel to a file of its own; an existing file is replaced."""
    for channel in channels:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = folder / channel.name.replace(_NAME_SIGN, _FILE_SIGN)
        unfinished = place.with_name(f".{place.name}.{os.getpid()}")
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE), "w") as file:
            file.write(channel.url)
        unfinished.replace(place)


def read_channels(folder: Path) -> dict[str, Channel]:
    """Return the kept channels by their names; none when there is no folder.

    A file whose name does not match its content is left out.
    """
    found: dict[str, Channel] = {}
    for file in _list_files(folder):
        with suppress(OSError, ValueError):
            channel = Channel(file.read_text())
            if file.name == channel.name.replace(_NAME_SIGN, _FILE_SIGN):
                found[channel.name] = channel
    return found


def forget_channels(folder: Path, channels: Iterable[str], *, but: Collection[str]) -> None:
    """Remove the files of these channels, except for the channels in `but`."""
    for name in set(channels) - set(but):
        (folder / name.replace(_NAME_SIGN, _FILE_SIGN)).unlink(missing_ok=True)


def _list_files(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
