"""Defaults of settings that other code uses as defaults too; each is defined only here."""

from __future__ import annotations

TRAINING_BATCH = 32
DETECTION_BATCH = 16
BATCHES_IN_FLIGHT = 2

MAX_FILE_BYTES = 1_000_000_000
"""A photo is read as a whole, and a larger file is hardly a photo."""

MAX_PIXELS = 200_000_000
"""Phones take pictures of 200 megapixels, cameras of 150; a decompression bomb claims more."""

PHOTO_TIMEOUT_S = 60.0
"""Ten times the time that the largest photos within these limits take."""

FILM_FRAMES = 120
"""Every two seconds of a film of four minutes."""

FILM_TIMEOUT_S = 600.0
"""Ten times the time that 120 frames of a large film take on a slow machine."""

MIN_SCORE = 0.5
MIN_FACE_PX = 20

MIN_QUALITY = 0.3
MIN_CLUSTER_SIZE = 3
MIN_SAMPLES = 3

HISTORY_DAYS = 365
"""Even a library that is sorted only after holidays is visited again within a year."""

MODELS_DIR = "~/.insightface/models"
