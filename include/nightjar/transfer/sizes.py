"""Sizes as people write and read them: 50M, 1.5 GB."""

import re

from nightjar.errors import NumberError

_SIZE = re.compile(r"\s*(\d{1,15})\s*([KMGT]?)B?\s*", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_size(text: str) -> int:
    """Read a size of at least one byte: a whole number of bytes, or of K, M, G or T.

    Raises:
        NumberError: it is none.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise NumberError(f"{text!r} is not a size: write it as 4096, 512K, 50M or 2G.")
    size = int(match[1]) * _UNITS[match[2].upper()]
    if size < 1:
        raise NumberError(f"{text!r} is too small a size: give at least 1 byte.")
    return size


def size_text(size: int) -> str:
    """Return a size for people, with three digits."""
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"
