"""Names and versions of snapshots: what is one, what is refused, and how they are ordered."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nightjar.snapshots import SnapshotName, Version
from nightjar.snapshots.errors import SnapshotNameError

NUMBERS = st.integers(0, 999_999_999)
VERSIONS = st.builds(Version, NUMBERS, NUMBERS, NUMBERS)
NAMES = st.text(st.characters(exclude_categories=["C"], exclude_characters="@.'\"`"), min_size=1, max_size=40)


@given(NAMES, VERSIONS)
def test_a_name_reads_back_as_it_was_written(name: str, version: Version) -> None:
    assume(name.strip())
    assume(len(f"{name}@{version}".encode()) <= 63)
    full = SnapshotName(name, version)

    assert SnapshotName.parse(str(full)) == full
    assert Version.parse(str(version)) == version


@given(VERSIONS, VERSIONS)
def test_versions_are_ordered_as_numbers(one: Version, other: Version) -> None:
    as_numbers = [[int(part) for part in str(version).split(".")] for version in (one, other)]

    assert (one < other) == (as_numbers[0] < as_numbers[1])


def test_version_ten_comes_after_version_nine() -> None:
    assert Version.parse("9.0.0") < Version.parse("10.0.0")
    assert Version(1, 2) < Version(1, 10) < Version(2)
    assert SnapshotName.parse("cars@2.0.0") < SnapshotName.parse("cars@10.0.0") < SnapshotName.parse("cats@1.0.0")


@pytest.mark.parametrize(
    "version",
    [
        "", "1", "1.0", "1.0.0.0", "1.0.0 ", " 1.0.0", "1.0.0\n", "v1.0.0", "-1.0.0", "+1.0.0", "1.-1.0", "01.0.0",
        "1.00.0", "1.0.x", "1,0,0", "1..0", "1.0.0-rc1", "1.0.1e3", "1_0.0.0", "9999999999.0.0",
        "1\u0662.0.0", "\uff11.\uff10.\uff10", "1.0.\u00b2",
    ],
)  # fmt: skip
def test_anything_but_three_numbers_is_no_version(version: str) -> None:
    with pytest.raises(SnapshotNameError, match=r"is not a version: write three numbers, such as 1.0.0"):
        Version.parse(version)


@pytest.mark.parametrize("numbers", [(-1, 0, 0), (0, -1, 0), (1, 0, -2)])
def test_a_version_has_no_negative_numbers(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(SnapshotNameError, match="is not a version"):
        Version(*numbers)


@pytest.mark.parametrize("text", ["cars", "", "@", "cars@1.0.0@2.0.0", "@@", "cars@", "cars@one", "cars 1.0.0"])
def test_a_full_name_is_a_name_an_at_sign_and_a_version(text: str) -> None:
    with pytest.raises(SnapshotNameError, match=r"write (name@version|three numbers)"):
        SnapshotName.parse(text)


@pytest.mark.parametrize(
    "name",
    [
        *(f"ca{character}rs" for character in "@.'\"`"),
        *(f"ca{character}rs" for character in "\0\t\n\r\x1b\x7f\x85\u200b\u202e\ufeff\ue000\U000e0001"),
        "ca\ud800rs",
        "cars\n",
        "../../etc",
    ],
)  # fmt: skip
def test_dots_quotes_and_control_characters_are_refused(name: str) -> None:
    with pytest.raises(SnapshotNameError, match="a name has no @, dots, quotes or control characters"):
        SnapshotName(name, Version(1))


@pytest.mark.parametrize("name", ["", " ", "   ", "\u3000"])
def test_an_empty_name_is_refused(name: str) -> None:
    with pytest.raises(SnapshotNameError, match="name is empty"):
        SnapshotName(name, Version(1))


@pytest.mark.parametrize(
    "name", ["c", "Cars 2017", "100% {x}", "cars; DROP TABLE t--", "größe", "車", "a[/b]:x:", "$1"]
)
def test_any_other_text_is_a_name(name: str) -> None:
    assert str(SnapshotName(name, Version(1))) == f"{name}@1.0.0"


def test_a_name_has_at_most_40_characters() -> None:
    assert SnapshotName("n" * 40, Version(1)).name == "n" * 40
    with pytest.raises(SnapshotNameError, match="has 41 characters, a name has at most 40"):
        SnapshotName("n" * 41, Version(1))


def test_a_full_name_has_at_most_63_bytes() -> None:
    """Postgres would cut a longer view's name short, and two snapshots would share it."""
    two_bytes = SnapshotName("é" * 28, Version(1))

    assert len(str(two_bytes).encode()) == 62
    with pytest.raises(SnapshotNameError, match="takes 64 bytes, a full name has at most 63"):
        SnapshotName("é" * 29, Version(1))
    with pytest.raises(SnapshotNameError, match="takes 64 bytes"):
        SnapshotName("é" * 28, Version(100))
    with pytest.raises(SnapshotNameError, match="takes 64 bytes"):
        SnapshotName(string.ascii_letters[:40], Version(999_999, 999_999, 999_999_999))


def test_a_part_keeps_the_version_and_the_limits() -> None:
    assert str(SnapshotName("cars", Version(2, 1)).with_suffix("_train")) == "cars_train@2.1.0"
    with pytest.raises(SnapshotNameError, match="has 41 characters"):
        SnapshotName("n" * 35, Version(1)).with_suffix("_train")
