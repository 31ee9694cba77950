"""Which photos show the same picture, and which of them stands for the others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.core.duplicates import Fingerprint, are_duplicates, find_representatives

DHASH = (1 << 256) - 1


def photo(image_id: int, **known: object) -> Fingerprint:
    values: dict[str, object] = {
        "path": f"/photos/{image_id}.jpg",
        "modified_ns": image_id,
        "width": 400,
        "height": 300,
        "sha256": bytes([image_id]),
        "phash": 77,
        "dhash": DHASH,
    }
    return Fingerprint(image_id, **(values | known))  # type: ignore[arg-type]


def test_equal_bytes_are_duplicates_whatever_the_hashes_say() -> None:
    assert are_duplicates(photo(1, sha256=b"x"), photo(2, sha256=b"x", phash=1, dhash=0))


def test_a_rescaled_copy_is_a_duplicate() -> None:
    assert are_duplicates(photo(1), photo(2, width=200, height=150, dhash=DHASH ^ 0b1111_1111))


def test_nine_bits_of_dhash_are_a_different_picture() -> None:
    """A 64-bit hash alone calls the frames of a burst equal."""
    assert not are_duplicates(photo(1), photo(2, dhash=DHASH ^ 0b1_1111_1111))


def test_another_phash_is_a_different_picture() -> None:
    assert not are_duplicates(photo(1), photo(2, phash=78))


def test_another_shape_is_a_different_picture() -> None:
    assert not are_duplicates(photo(1), photo(2, width=300, height=400))


def test_the_rounding_of_a_small_copy_is_not_another_shape() -> None:
    assert are_duplicates(photo(1, width=4000, height=2999), photo(2, width=133, height=100))


def test_a_unique_photo_represents_itself() -> None:
    assert find_representatives([photo(1), photo(2, phash=5)]) == {1: 1, 2: 2}


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
        phash=st.integers(0, 1),
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


def test_a_photo_with_faces_stands_for_itself_and_for_its_copies() -> None:
    """The first two were looked at before one was turned, and look the same since."""
    first = photo(1, is_settled=True, has_faces=True)
    second = photo(2, is_settled=True, has_faces=True, content=b"second")
    copy = photo(3, phash=0xFFFF, content=b"second")
    assert find_representatives([first, second, copy]) == {1: 1, 2: 2, 3: 2}
