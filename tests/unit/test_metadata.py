"""The time that is read from a photo is the time of the exposure, or none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from cluster.vision.photos.metadata import read_metadata

STAMPS = st.one_of(
    *(st.text(), st.binary(), st.integers(), st.floats(), st.none(), st.datetimes()),
    st.from_regex(r"\A\d{4}[:-]\d\d[:-]\d\d[ T]\d\d:\d\d:\d\d\Z"),
    st.text(alphabet="0123456789:-T \0", min_size=15, max_size=25),
    st.sampled_from(
        ["9999:12:31 23:59:59", "0001:01:01 00:00:00", "2009:13:01 00:00:00", "\ud800"]
    ),
)


@given(taken=STAMPS, digitized=STAMPS, changed=STAMPS)
def test_every_time_that_is_read_fits_into_the_database(
    taken: object, digitized: object, changed: object
) -> None:
    image = Image.new("L", (1, 1))
    exif = image.getexif()
    exif[ExifTags.Base.DateTime] = changed
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = taken
    details[ExifTags.Base.DateTimeDigitized] = digitized
    taken_at = read_metadata(image).taken_at
    assert taken_at is None or (1800 <= taken_at.year < 2200 and taken_at.tzinfo is None)


def test_a_time_that_makes_no_sense_leaves_it_to_the_next_one() -> None:
    image = Image.new("L", (1, 1))
    exif = image.getexif()
    exif[ExifTags.Base.DateTime] = "2009:07:31 15:42:01"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "9999:07:31 15:42:01"
    taken_at = read_metadata(image).taken_at
    assert taken_at is not None
    assert taken_at.year == 2009
