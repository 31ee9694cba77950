"""`python -m jobs.models PACK` downloads a pack of face models; `make models PACK=...` calls it.

Models are downloaded only by this command, on request. The archive is compared with a known SHA-256
before it is unpacked. Exit codes: 0 the pack is there, 1 the download failed, 2 bad arguments.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from cluster.settings import load_settings
from cluster.vision.packs.archives import INSIGHTFACE, Release, download_pack
from cluster.vision.packs.pack_files import resolve_pack
from jobs.running.command import FAILED, as_command, run_command, say

LICENCE = (
    "InsightFace publishes its packs for non-commercial research only: "
    "https://github.com/deepinsight/insightface#license"
)


def main(arguments: list[str] | None = None) -> int:
    """Download the named pack unless it is there, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m jobs.models", description=__doc__)
    parser.add_argument("pack", metavar="PACK", help="a pack of InsightFace's, such as buffalo_l")
    parser.add_argument("--config", type=Path, help="a YAML file with settings")
    options = parser.parse_args(arguments)
    return run_command(
        lambda: get_pack(options.pack, models_dir=load_settings(config=options.config).models_dir)
    )


def get_pack(name: str, *, models_dir: Path, release: Release = INSIGHTFACE) -> int:
    """Download the pack to `models_dir` unless it is there; return the exit code."""
    print(LICENCE)

    def get() -> int:
        try:
            _download(name, models_dir=models_dir, release=release)
        except OSError as error:  # This includes the errors of requests.
            say(f"{name} could not be downloaded: {error}")
            return FAILED
        print(resolve_pack(name, models_dir=models_dir).explanation)
        return 0

    return run_command(get)


def _download(name: str, *, models_dir: Path, release: Release) -> None:
    archive = release.archives.get(name)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    with Progress(*columns, transient=True) as progress:
        shown = progress.add_task(name, total=archive.length_bytes if archive else None)
        download_pack(
            name,
            models_dir=models_dir,
            release=release,
            on_bytes=lambda count: progress.advance(shown, count),
        )


if __name__ == "__main__":
    sys.exit(as_command(main))
