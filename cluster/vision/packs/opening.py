"""Checks whether the models of a pack can be loaded on this machine.

The check runs in a separate process, `python -m cluster.vision.packs.opening PACK MODELS_DIR
PROVIDER`, because a library that is broken or built for another processor kills its process.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cluster.core.errors import HeadcountError

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent.parent
LIMIT_S = 150.0
"""Time for the first import, which antivirus programs and network disks make slow."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The result of loading a pack.

    `provider` is the provider that runs its models, None if they could not be loaded; `error` is
    then a sentence. `sizes` are the bytes of its files by their names. `providers` are all
    providers of this build of ONNX Runtime.
    """

    providers: tuple[str, ...] = ()
    explanation: str = ""
    kind: str = ""
    folder: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    provider: str | None = None
    error: str | None = None


def try_opening(
    requested: str, *, models_dir: Path, provider: str, limit_s: float = LIMIT_S
) -> Opening:
    """Load the pack in another process and return its result.

    If the process is killed or takes longer than `limit_s`, the result has an `error`.
    """
    command = [
        sys.executable,
        "-m",
        "cluster.vision.packs.opening",
        requested,
        str(models_dir),
        provider,
    ]
    process = subprocess.Popen(
        command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        told, complaints = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        told, complaints = process.communicate()
        complaints += f"\nit took longer than {limit_s:g} seconds"
    return read_told(told, complaints, status=process.returncode)


def read_told(told: str, complaints: str, *, status: int) -> Opening:
    """Return the result in the last line of JSON, with an `error` if the process failed."""
    lines = [line for line in told.splitlines() if line.startswith("{")]
    values: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    opening = Opening(**{**values, "providers": tuple(values.get("providers", ()))})
    if status == 0:
        return opening
    last = (complaints.strip().splitlines() or ["there was no output"])[-1]
    ended = f"ended with {signal.Signals(-status).name}" if status < 0 else f"failed: {last}"
    return replace(opening, error=f"Loading the models {ended}.")


def open_pack(requested: str, *, models_dir: Path, provider: str) -> Opening:
    """Load a pack as a detector does. Raises any error that a library raises for a broken file."""
    import onnxruntime  # noqa: PLC0415

    from cluster.vision.packs.detector import DetectorOptions, load_detector  # noqa: PLC0415
    from cluster.vision.packs.pack_files import resolve_pack  # noqa: PLC0415

    opening = Opening(tuple(onnxruntime.get_available_providers()))
    try:
        pack = resolve_pack(requested, models_dir=models_dir)
        files = [file for file in pack.folder.iterdir() if file.suffix in (".onnx", ".dat")]
        opening = replace(
            opening,
            explanation=pack.explanation,
            kind=pack.kind,
            folder=str(pack.folder),
            sizes={file.name: file.stat().st_size for file in sorted(files)},
        )
        tell(opening)
        options: Any = {"provider": provider}
        detector = load_detector(pack, DetectorOptions(**options))
    except HeadcountError as error:
        return replace(opening, error=str(error))
    return replace(opening, provider=detector.provider)


def tell(opening: Opening) -> None:
    """Write a result to stdout, as a line of JSON for the parent process."""
    sys.stdout.write(json.dumps(asdict(opening)) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Load the pack that `arguments` name, and write the result to stdout."""
    requested, models_dir, provider = arguments
    tell(open_pack(requested, models_dir=Path(models_dir), provider=provider))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
