"""Sizes as people write and read them."""

import pytest

from nightjar.errors import NumberError
from nightjar.transfer.sizes import parse_size, size_text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("4096", 4096),
        (" 8k ", 8192),
        ("50M", 50 << 20),
        ("50 MB", 50 << 20),
        ("2G", 2 << 30),
        ("1t", 1 << 40),
    ],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "0", "0M", "-1", "1.5G", "50X", "1e6", "٣", "9" * 16, "50M\x00"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(NumberError, match="size"):
        parse_size(text)


def test_a_size_is_told() -> None:
    told = [size_text(size) for size in (0, 1023, 1024, 50 << 20, 3 << 29)]
    assert told == ["0 bytes", "1023 bytes", "1 kB", "50 MB", "1.5 GB"]
