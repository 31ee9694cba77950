"""Writes and reads faces in PostgreSQL's binary COPY format.

The format has a header, rows, and a trailer. A row consists of the number of its fields, and of
each field with its length in bytes. Numbers are big-endian. A `vector` is its dimension, two unused
bytes, and its floats (pgvector, vector_send).
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from cluster.core.identity.faces import Face

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

COPY_FACES = (
    b"COPY face (image_id, pack, box_left, box_top, box_right, box_bottom, landmarks, score,"
    b" quality, sharpness, time_s, embedding, crop) FROM STDIN (FORMAT BINARY)"
)
_FLOAT4_OID = 700
_NULL = struct.pack(">i", -1)


def pack_face(face: Face, *, image_id: int, pack: str) -> bytes:
    """Return the bytes of one row for COPY_FACES."""
    box = face.box
    fields: tuple[bytes | None, ...] = (
        struct.pack(">q", image_id),
        pack.encode(),
        *(struct.pack(">f", side) for side in (box.left, box.top, box.right, box.bottom)),
        _pack_floats([value for point in face.landmarks for value in point]),
        struct.pack(">f", face.score),
        struct.pack(">f", face.quality),
        None if face.sharpness is None else struct.pack(">f", face.sharpness),
        None if face.time_s is None else struct.pack(">f", face.time_s),
        _pack_vector(face.embedding),
        face.crop,
    )
    parts = [struct.pack(">h", len(fields))]
    for field in fields:
        parts += (_NULL,) if field is None else (struct.pack(">i", len(field)), field)
    return b"".join(parts)


def _pack_floats(values: list[float]) -> bytes:
    """Return the bytes of a one-dimensional real[] whose first index is 1."""
    elements = b"".join(struct.pack(">if", 4, value) for value in values)
    return struct.pack(">iiiii", 1, 0, _FLOAT4_OID, len(values), 1) + elements


def _pack_vector(embedding: bytes) -> bytes:
    vector = np.frombuffer(embedding, dtype="<f4")
    return struct.pack(">HH", len(vector), 0) + vector.astype(">f4").tobytes()


def vector_row_type(dimensions: int) -> np.dtype[np.void]:
    """Return the layout of one row: id, image, person, is_placed, quality, vector, and lengths."""
    return np.dtype(
        [
            ("fields", ">i2"),
            ("face_id_length", ">i4"),
            ("face_id", ">i8"),
            ("image_id_length", ">i4"),
            ("image_id", ">i8"),
            ("person_id_length", ">i4"),
            ("person_id", ">i8"),
            ("is_placed_length", ">i4"),
            ("is_placed", "?"),
            ("quality_length", ">i4"),
            ("quality", ">f4"),
            ("vector_length", ">i4"),
            ("dimensions", ">i2"),
            ("spare", ">i2"),
            ("vector", ">f4", (dimensions,)),
        ]
    )


def vector_of_face_type(dimensions: int) -> np.dtype[np.void]:
    """Return the layout of one row of (id, vector), lengths included."""
    layout = vector_row_type(dimensions).descr
    return np.dtype(layout[:3] + layout[-4:])


def unpack_rows(data: bytes, *, dimensions: int) -> npt.NDArray[np.void]:
    """Return complete rows as an array of records; raise ValueError when a row is incomplete."""
    return np.frombuffer(data, dtype=vector_row_type(dimensions))
