"""Defaults that a setting has and that other code falls back on: each is said once, here."""

from __future__ import annotations

TRAINING_BATCH = 32
DETECTION_BATCH = 16
BATCHES_IN_FLIGHT = 2

MAX_FILE_BYTES = 1_000_000_000
"""A photo is read whole; a larger file is not a photo."""

MAX_PIXELS = 200_000_000
"""Telephones make pictures of 200 megapixels, cameras of 150; a bomb claims more."""

PHOTO_TIMEOUT_S = 60.0
"""Ten times what the largest photos take that are within these limits."""

MIN_SCORE = 0.5
MIN_FACE_PX = 20

MIN_QUALITY = 0.3
MIN_CLUSTER_SIZE = 3
MIN_SAMPLES = 3

MODELS_DIR = "~/.insightface/models"
