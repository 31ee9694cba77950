"""The limits of birth dates, and the times of photos that say nothing about an age."""

from __future__ import annotations

from datetime import date

EARLIEST_BIRTH = date(1800, 1, 1)
"""The earliest birth date. An earlier time of a photo is unknown, too."""

UNSET_CLOCK_DAYS = (date(1970, 1, 1), date(1980, 1, 1), date(2000, 1, 1))
"""The days from which the clocks of cameras count until somebody sets them. A photo of such a day
has no known time (also serve/web/ages.js)."""
