"""The options for sending notices: the channels, the signing key, and the allowed addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.core.notices import Channel
from cluster.notifying.kept_channels import read_channels


@dataclass(frozen=True, slots=True)
class NotifyOptions:
    """The `channels` of the settings, and how notices are sent.

    `secret` signs webhooks; None leaves them unsigned. `folder` holds the channels that commands
    were given for one run. `environment` is the environment of the process that sends.
    """

    channels: tuple[Channel, ...]
    secret: str | None = field(repr=False)
    allows_private: bool
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def known(self) -> dict[str, Channel]:
        """Return all channels that this process can send to, by their names."""
        kept = read_channels(self.folder)
        return {**kept, **{channel.name: channel for channel in self.channels}}
