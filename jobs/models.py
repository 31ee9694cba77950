"""`python -m jobs.models PACK` downloads a pack of face models; `make models PACK=...` calls it.

This is the only thing in Headcount that downloads, and it does so only when it is asked to. Exit
codes: 0 the pack is there, 1 it could not be had, 2 bad arguments.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cluster.core.errors import BadSetting, PackNotFound
from cluster.settings import load_settings
from cluster.vision.packs import download_pack, resolve_pack

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
    try:
        models_dir = load_settings(config=options.config).models_dir
    except BadSetting as error:
        print(f"headcount: {error}", file=sys.stderr)
        return 2
    return get_pack(options.pack, models_dir=models_dir)


def get_pack(name: str, *, models_dir: Path) -> int:
    """See that the pack is in `models_dir`; return 0, or 1 when it cannot be had."""
    print(LICENCE)
    try:
        download_pack(name, models_dir=models_dir)
        print(resolve_pack(name, models_dir=models_dir).explanation)
    # InsightFace raises RuntimeError for a pack it does not have; requests' errors are OSErrors.
    except (OSError, RuntimeError, PackNotFound) as error:
        print(f"headcount: {name} could not be downloaded: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
