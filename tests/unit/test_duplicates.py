"""Which photos show the same picture, which are alike, and which one represents the others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.core.pictures.duplicates import (
    MAX_PHASH_BITS,
    Fingerprint,
    are_alike,
    are_duplicates,
    find_quarters,
    find_representatives,
    find_similar,
)
from cluster.core.pictures.same_picture import BLOCKS_BYTES, LUMA_BYTES

DHASH = (1 << 256) - 1
BLOCKS = bytes(range(256)) * (LUMA_BYTES // 256) + bytes([128]) * (BLOCKS_BYTES - LUMA_BYTES)
"""Each row has a bright edge next to a dark one."""

EVEN = bytes([100]) * BLOCKS_BYTES


def change(blocks: bytes, place: int, levels: int) -> bytes:
    changed = bytearray(blocks)
    changed[place] += levels
    return bytes(changed)


def photo(image_id: int, **known: object) -> Fingerprint:
    values: dict[str, object] = {
        "path": f"/photos/{image_id}.jpg",
        "modified_ns": image_id,
        "width": 400,
        "height": 300,
        "sha256": bytes([image_id]),
        "phash": 77,
        "dhash": DHASH,
        "blocks": BLOCKS,
    }
    return Fingerprint(image_id, **(values | known))  # type: ignore[arg-type]


def test_equal_bytes_are_duplicates_whatever_the_hashes_say() -> None:
    assert are_duplicates(photo(1, sha256=b"x"), photo(2, sha256=b"x", phash=1, dhash=0))


def test_equal_content_is_a_duplicate_whatever_the_hashes_say() -> None:
    one = photo(1, content=b"x", blocks=b"")
    assert are_duplicates(one, photo(2, content=b"x", phash=1, dhash=0, blocks=b""))


def test_unknown_content_is_equal_to_nothing() -> None:
    assert not are_duplicates(photo(1, phash=1), photo(2, phash=1 << 20 | 0b1111 << 30))


def test_a_rescaled_copy_is_a_duplicate() -> None:
    assert are_duplicates(photo(1), photo(2, width=200, height=150, dhash=DHASH ^ 0b1111_1111))


def test_unknown_blocks_prove_nothing() -> None:
    assert not are_duplicates(photo(1, blocks=b""), photo(2, blocks=b""))
    assert are_alike(photo(1, blocks=b""), photo(2, blocks=b""))


def test_one_block_that_differs_makes_another_picture() -> None:
    """Photos of six people in front of one camera have equal hashes."""
    one = photo(1, width=1200, height=900, blocks=EVEN)
    assert are_duplicates(one, photo(2, width=1200, height=900, blocks=change(EVEN, 1000, 1)))
    assert not are_duplicates(one, photo(2, width=1200, height=900, blocks=change(EVEN, 1000, 4)))


def test_saving_may_change_more_where_the_picture_has_edges() -> None:
    """At an edge from 0 to 255, saving may change five levels more than the two of an even area."""
    size = {"width": 1200, "height": 900}
    one, other = photo(1, **size), photo(2, **size, blocks=change(BLOCKS, 256, 6))
    assert are_duplicates(one, other)
    assert not are_duplicates(one, photo(2, **size, blocks=change(BLOCKS, 256, 9)))
    assert not are_duplicates(one, photo(2, **size, blocks=change(BLOCKS, 128, 6)))


def test_a_dark_picture_may_change_less() -> None:
    size = {"width": 1200, "height": 900}
    dark = bytes(value // 8 for value in BLOCKS[:LUMA_BYTES]) + BLOCKS[LUMA_BYTES:]
    assert not are_duplicates(
        photo(1, **size, blocks=dark), photo(2, **size, blocks=change(dark, 128, 2))
    )


def test_another_colour_is_another_picture() -> None:
    colours = EVEN[:LUMA_BYTES] + bytes([140]) * (BLOCKS_BYTES - LUMA_BYTES)
    assert not are_duplicates(photo(1, blocks=EVEN), photo(2, blocks=colours))


def test_many_bits_of_dhash_are_a_different_picture() -> None:
    """By a 64-bit hash alone, the frames of a burst would be equal."""
    assert not are_duplicates(photo(1), photo(2, dhash=DHASH ^ ((1 << 21) - 1)))


def test_another_phash_is_a_different_picture() -> None:
    assert are_duplicates(photo(1), photo(2, phash=77 ^ 0b111))
    assert not are_duplicates(photo(1), photo(2, phash=77 ^ 0b1111))


@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 63), max_size=MAX_PHASH_BITS))
def test_photos_whose_phashes_agree_have_a_quarter_in_common(phash: int, bits: set[int]) -> None:
    other = phash
    for bit in bits:
        other ^= 1 << bit
    quarters = find_quarters(phash)
    assert any(one == two for one, two in zip(quarters, find_quarters(other), strict=True))
    assert all(0 <= quarter < 2**16 for quarter in quarters)


def test_a_photo_that_is_alike_is_similar_to_the_earliest_one() -> None:
    photos = [
        photo(3, blocks=EVEN),
        photo(1),
        photo(2),
        photo(4, blocks=change(EVEN, 0, 90)),
        photo(5, phash=~77 & 2**64 - 1),
    ]
    assert find_representatives(photos) == {1: 1, 2: 1, 3: 3, 4: 4, 5: 5}
    assert find_similar(photos) == {3: 1, 4: 1}


def test_another_shape_is_a_different_picture() -> None:
    assert not are_duplicates(photo(1), photo(2, width=300, height=400))


def test_the_rounding_of_a_small_copy_is_not_another_shape() -> None:
    assert are_duplicates(photo(1, width=4000, height=2999), photo(2, width=133, height=100))


def test_a_unique_photo_represents_itself() -> None:
    assert find_representatives([photo(1), photo(2, phash=~77 & 2**64 - 1)]) == {1: 1, 2: 2}


def test_the_oldest_represents_its_copies() -> None:
    copies = [photo(1, modified_ns=30), photo(2, modified_ns=10), photo(3, modified_ns=20)]
    assert set(find_representatives(copies).values()) == {2}


def test_of_two_equally_old_the_larger_represents() -> None:
    copies = [photo(1, modified_ns=9, width=40, height=30), photo(2, modified_ns=9)]
    assert set(find_representatives(copies).values()) == {2}


def test_a_settled_photo_keeps_standing_for_its_copies_when_an_older_one_arrives() -> None:
    copies = [photo(1, modified_ns=50, is_settled=True), photo(2, modified_ns=10)]
    assert find_representatives(copies) == {1: 1, 2: 1}


def test_no_photo_has_no_representative() -> None:
    assert find_representatives([]) == {}


fingerprints = st.lists(
    st.builds(
        photo,
        st.integers(1, 40),
        modified_ns=st.integers(0, 5),
        phash=st.sampled_from([0, 1, 0b1111, 2**64 - 1]),
        content=st.sampled_from([b"", b"", b"c", b"d"]),
        blocks=st.sampled_from([b"", BLOCKS, EVEN, change(EVEN, 5, 2), change(EVEN, 5, 40)]),
        dhash=st.integers(0, 2**12 - 1),
        sha256=st.binary(min_size=1, max_size=1),
        is_settled=st.booleans(),
    ),
    unique_by=lambda one: one.image_id,
    max_size=12,
)


@given(fingerprints, st.randoms(use_true_random=False))
def test_the_order_of_reading_does_not_change_the_groups(photos: list[Fingerprint], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = random.sample(photos, len(photos))
    assert find_representatives(photos) == find_representatives(shuffled)
    assert find_similar(photos) == find_similar(shuffled)


@given(fingerprints)
def test_every_photo_duplicates_its_representative_which_represents_itself(
    photos: list[Fingerprint],
) -> None:
    by_id = {one.image_id: one for one in photos}
    found = find_representatives(photos)
    assert set(found) == set(by_id)
    for image_id, representative in found.items():
        assert found[representative] == representative
        assert are_duplicates(by_id[image_id], by_id[representative])


@given(fingerprints, fingerprints)
def test_being_duplicates_is_mutual(some: list[Fingerprint], others: list[Fingerprint]) -> None:
    for one, other in zip(some, others, strict=False):
        assert are_duplicates(one, other) == are_duplicates(other, one)


@given(fingerprints)
def test_a_similar_photo_is_looked_at_and_so_is_the_one_that_it_is_like(
    photos: list[Fingerprint],
) -> None:
    by_id, representatives = {one.image_id: one for one in photos}, find_representatives(photos)
    for image_id, like in find_similar(photos).items():
        assert representatives[image_id] == image_id
        assert representatives[like] == like
        assert are_alike(by_id[image_id], by_id[like])
        assert not are_duplicates(by_id[image_id], by_id[like])


def test_a_photo_with_faces_stands_for_itself_and_for_its_copies() -> None:
    """The first two were searched before one was turned; since then, they show the same picture."""
    first = photo(1, is_settled=True, has_faces=True)
    second = photo(2, is_settled=True, has_faces=True, content=b"second")
    copy = photo(3, phash=0xFFFF, content=b"second")
    assert find_representatives([first, second, copy]) == {1: 1, 2: 2, 3: 2}
