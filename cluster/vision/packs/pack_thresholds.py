"""The thresholds of each pack: the cosines from which two faces are one person.

`bench/calibrate.py` prints the curves from which these cosines were chosen.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import numpy as np

from cluster.core.identity.thresholds import PackThresholds, Thresholds
from cluster.vision.packs.pack_files import BUNDLED

ARCFACE = Thresholds(core=0.50, same=0.40, join=0.32, alike=0.60, margin=0.10)
"""Measured with the pack `buffalo_s_standin`; a first guess for any other ArcFace."""

DLIB = Thresholds(core=0.85, same=0.72, join=0.55, alike=0.85, margin=0.10)
"""Measured with dlib's recogniser, after DLIB_CENTER was subtracted."""

DLIB_CENTER = (
    "cdWrHFDaU*AFS-5)S<_$m@W;fOfV~^V6j4{Tcw&Uldia}7p?lLc_LdTt|ba2S+47{d8!ty6(}IACnD-7=C7})RVDr@"
    "zNhA?urLlG=C9En>nNx(X)r<@FC;UnPc721&?q`CBrQiOuPb`4Vk0RoL9o>-wkj{I!lovsN-q#BUaS<ZXD?Q+;-<JN"
    "G^}&4=&_(CGBn98*RQT1bgC|)9wwM4v8wE+5v(92OE9*gFr?Zr8z6z6cP3*fNv)cn6|HTcD<>_iNgwVj^RH7ctfL5}"
    "2B3+dSgVGbdoQ7}hcMSKVjKo8ktrc5`x`@+@2#h-%q4K8TqLe0"
)
"""The mean over people of their mean vectors with dlib's recogniser: 128 little-endian float16.

All vectors of dlib point in nearly this direction, so it says nothing about a person.
"""

CALIBRATED: Mapping[str, Thresholds] = {"buffalo_s_standin": ARCFACE}
"""The reaches by the name of the pack, without the digest of its files."""


def find_thresholds(name: str) -> PackThresholds:
    """Return the thresholds of the pack of this name, and whether they were calibrated."""
    if name == BUNDLED:
        return PackThresholds(DLIB, pack=BUNDLED, is_calibrated=True, center=read_dlib_center())
    family = name.rpartition("-")[0] or name
    calibrated = CALIBRATED.get(name) or CALIBRATED.get(family)
    return PackThresholds(calibrated or ARCFACE, pack=name, is_calibrated=calibrated is not None)


def read_dlib_center() -> tuple[float, ...]:
    """Return DLIB_CENTER as 128 numbers."""
    return tuple(np.frombuffer(base64.b85decode(DLIB_CENTER), "<f2").astype(float).tolist())
