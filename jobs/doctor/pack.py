"""The pack of face models: which one it comes to, and whether its models open."""

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
    """Open the pack that the settings name, in a process of its own."""
    settings = read_settings(inquiry).settings
    opening = try_opening(settings.pack, models_dir=settings.models_dir, provider=settings.provider)
    return judge(opening, requested=settings.pack, provider=settings.provider)


def judge(opening: Opening, *, requested: str, provider: str) -> Iterator[Finding]:
    """Tell what an opening means. `requested` and `provider` are the settings."""
    if opening.explanation:
        yield ok("pack", f"{requested}: {opening.explanation}")
        files = ", ".join(f"{n} {describe_bytes(s)}" for n, s in opening.sizes.items())
        yield ok("files", f"{opening.folder}: {files}")
        yield ok("licence", LICENCES[opening.kind])
    if opening.providers:
        yield ok("onnx runtime", ", ".join(n.removesuffix("Provider") for n in opening.providers))
    if opening.error is not None or opening.provider is None:
        yield problem("models", opening.error or "they do not open.", cure_of(opening))
        return
    yield ok("models", f"they open, and run on {opening.provider}")
    has_cuda = "CUDAExecutionProvider" in opening.providers
    if has_cuda and opening.provider == "CPU" and opening.kind != "bundled" and provider != "cpu":
        cure = "Does nvidia-smi work, and is its driver one for CUDA 13?"
        yield warning("models", "CUDA is there and could not be started.", cure)
    if opening.kind == "bundled" and has_cuda:
        yield note("models", "the bundled pack computes on the CPU alone.")


def cure_of(opening: Opening) -> str:
    """Say what helps models that do not open."""
    if not opening.explanation:
        return "Name a pack that is there, get it by make models PACK=NAME, or set pack to auto."
    if "SIGILL" in (opening.error or ""):
        return "This processor lacks instructions that the packages are built with: use another."
    if opening.kind == "bundled":
        return "Install the packages anew: make clean, then make run."
    return f"Delete {opening.folder} and get the pack again: make models PACK=NAME."
