"""Checks the pack of face models: which one the settings select, and whether its models open."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.vision.packs.opening import Opening, try_opening
from jobs.doctor.checks import Finding, Inquiry, note, ok, problem, warning
from jobs.doctor.configuration import read_settings
from jobs.doctor.units import describe_bytes

LICENCES = {
    "bundled": "public domain",
    "insightface": "non-commercial research only, by InsightFace's terms",
}


def check(inquiry: Inquiry) -> Iterator[Finding]:
    """Open the pack in the settings, in a separate process, and report the result."""
    settings = read_settings(inquiry).settings
    opening = try_opening(settings.pack, models_dir=settings.models_dir, provider=settings.provider)
    return judge(opening, requested=settings.pack, provider=settings.provider)


def judge(opening: Opening, *, requested: str, provider: str) -> Iterator[Finding]:
    """Report the result of opening a pack; `requested` and `provider` are settings."""
    if opening.explanation:
        yield ok("pack", f"{requested}: {opening.explanation}")
        files = ", ".join(f"{n} {describe_bytes(s)}" for n, s in opening.sizes.items())
        yield ok("files", f"{opening.folder}: {files}")
        yield ok("licence", LICENCES[opening.kind])
    if opening.providers:
        yield ok("onnx runtime", ", ".join(n.removesuffix("Provider") for n in opening.providers))
    if opening.error is not None or opening.provider is None:
        yield problem("models", opening.error or "they cannot be opened.", cure_of(opening))
        return
    yield ok("models", f"they can be opened, and run on {opening.provider}")
    has_cuda = "CUDAExecutionProvider" in opening.providers
    if has_cuda and opening.provider == "CPU" and opening.kind != "bundled" and provider != "cpu":
        cure = "Does nvidia-smi work, and is its driver one for CUDA 13?"
        yield warning("models", "CUDA is installed, but could not be started.", cure)
    if opening.kind == "bundled" and has_cuda:
        yield note("models", "the bundled pack uses only the CPU.")


def cure_of(opening: Opening) -> str:
    """Return what to do about models that do not open."""
    if not opening.explanation:
        return "Set an installed pack, get one with make models PACK=NAME, or set pack to auto."
    if "SIGILL" in (opening.error or ""):
        return "The packages need instructions that this processor lacks: use another machine."
    if opening.kind == "bundled":
        return "Reinstall the packages: make clean, then make run."
    return f"Delete {opening.folder} and get the pack again: make models PACK=NAME."
