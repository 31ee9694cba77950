"""The limits of birth dates, and the dates of cameras whose clock was never set."""

from __future__ import annotations

from datetime import date

EARLIEST_BIRTH = date(1800, 1, 1)
"""The earliest birth date. A photo with an earlier time counts as having none."""

UNSET_CLOCK_DAYS = (date(1970, 1, 1), date(1980, 1, 1), date(2000, 1, 1))
"""The dates at which camera clocks start. A photo of such a date has no known time
(serve/web/ages.js has the same list)."""
