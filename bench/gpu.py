"""Measures photos and faces per second of one detector on a GPU, compared with InsightFace's loop.

    python -m bench.gpu --photos DIR --pack FOLDER [--limit N] [--precision fp16] [--json]

The loop is that of a detector actor: threads that read and decode ahead, batched detection and
batched recognition. Nothing is committed. Without a GPU, the same loop runs in batches on the CPU,
and a message says so. The utilisation is that of nvidia-smi, averaged over the run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.baselines import run_insightface_loop
from bench.libraries import list_photos
from cluster.actors.detection import Detection
from cluster.core.pictures.photos import Batch, DetectionOutcome, Item, Settled
from cluster.core.progress import PhaseCounts
from cluster.inference import Provider, pick_provider
from cluster.vision.packs.detector import DetectorOptions, load_detector
from cluster.vision.packs.pack_files import resolve_pack

BATCH_ON_CPU = 4
SAMPLE_S = 0.2
PROVIDERS: dict[Provider, str] = {"CPU": "CPUExecutionProvider", "CUDA": "CUDAExecutionProvider"}


def main() -> None:
    """Measure, print, and with --json end with one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True, help="a folder of photos")
    parser.add_argument("--pack", required=True, help="the folder of an InsightFace pack")
    parser.add_argument("--limit", type=int, default=1000, help="the maximum number of photos")
    parser.add_argument("--batch", type=int, help="photos in one run of a model")
    parser.add_argument("--precision", choices=["fp32", "fp16"], default="fp32")
    parser.add_argument("--decode-threads", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    provider = pick_provider()
    if provider == "CPU":
        print("There is no GPU on this machine. The same loop runs in batches on the CPU.")
    paths = list_photos(options.photos, limit=options.limit)
    figures = measure(paths, options, provider)
    loop = run_insightface_loop(
        paths, options.pack, modules=["detection", "recognition"], provider=PROVIDERS[provider]
    )
    figures["loop_photos_per_s"] = round(len(paths) / loop.seconds, 1)
    figures["loop_faces"] = loop.faces
    figures["ratio"] = round(figures["photos_per_s"] / figures["loop_photos_per_s"], 2)
    for name, value in figures.items():
        print(f"{name:<24}{value}")
    if options.json:
        print(json.dumps(figures))


def measure(
    paths: Sequence[str], options: argparse.Namespace, provider: Provider
) -> dict[str, Any]:
    """Search all photos for faces and return the figures."""
    batch = options.batch or (BATCH_ON_CPU if provider == "CPU" else None)
    detector = load_detector(
        resolve_pack(options.pack), DetectorOptions(batch=batch, precision=options.precision)
    )
    faces = Faces()
    detection = Detection(
        detector=detector,
        settle=faces.settle,
        send=ignore,
        done=ignore,
        decode_threads=options.decode_threads if provider == "CUDA" else 0,
    )
    items = tuple(Item(number, path) for number, path in enumerate(paths))
    detection.detect_batch(Batch(1, 1, 0, options.pack, items[:64]))
    faces.count = 0
    with watched_gpu() as utilisation:
        started = time.perf_counter()
        detection.detect_batch(Batch(1, 1, 1, options.pack, items))
        seconds = time.perf_counter() - started
    return {
        "provider": detector.provider,
        "precision": options.precision if detector.provider == "CUDA" else "fp32",
        "photos_at_once": detector.photos_at_once,
        "photos": len(paths),
        "photos_per_s": round(len(paths) / seconds, 1),
        "faces_per_s": round(faces.count / seconds, 1),
        "faces": faces.count,
        "gpu_percent": round(sum(utilisation) / len(utilisation)) if utilisation else None,
    }


@dataclass
class Faces:
    """Counts the faces instead of committing them."""

    count: int = 0
    revision: int = 0

    def settle(self, batch: Batch, outcomes: Sequence[DetectionOutcome]) -> Settled:
        """Count the faces of a batch and commit nothing."""
        self.count += sum(len(outcome.faces) for outcome in outcomes)
        self.revision += 1
        return Settled(self.revision, PhaseCounts(len(batch.items)))


def ignore(_report: object) -> None:
    """Drop a report."""


@contextmanager
def watched_gpu() -> Iterator[list[int]]:
    """Provide a list that fills with the GPU's utilisation in percent; empty without nvidia-smi."""
    samples: list[int] = []
    ending = threading.Event()
    thread = threading.Thread(target=_sample, args=(samples, ending), daemon=True)
    if shutil.which("nvidia-smi"):
        thread.start()
    try:
        yield samples
    finally:
        ending.set()


def _sample(samples: list[int], ending: threading.Event) -> None:
    query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    while not ending.wait(SAMPLE_S):
        answer = subprocess.run(query, capture_output=True, text=True, check=False).stdout
        samples.extend(int(line) for line in answer.splitlines() if line.strip().isdigit())


if __name__ == "__main__":
    main()
