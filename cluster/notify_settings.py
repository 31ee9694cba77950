"""Reads what the settings say about notices.

Entry points call it. The ProgressActor gets `read_notify_options` by reference and calls it in its
own process, because Ray would show the URLs and the key as arguments.
"""

from __future__ import annotations

from pathlib import Path

from cluster.core.notices import Channel
from cluster.environment import sender_environment
from cluster.notifying.channel_options import NotifyOptions
from cluster.notifying.kept_channels import FOLDER
from cluster.settings import Settings, load_settings


def read_notify_options(config: Path | None, data_dir: Path) -> NotifyOptions:
    """Return the options from the settings of this process: its environment, and the file `config`.

    `data_dir` is the data directory as the other processes know it. Raises BadSetting.
    """
    settings = load_settings(config=config, options={"data_dir": data_dir})
    return make_notify_options(settings)


def make_notify_options(settings: Settings) -> NotifyOptions:
    """Return the options for these settings; a channel that is named twice is kept once."""
    secret = settings.notify_secret
    urls = dict.fromkeys(url.get_secret_value() for url in settings.notify)
    return NotifyOptions(
        channels=tuple(map(Channel, urls)),
        secret=None if secret is None else secret.get_secret_value(),
        allows_private=settings.notify_private,
        folder=settings.data_dir / FOLDER,
        environment=sender_environment(with_proxies=settings.notify_private),
    )
