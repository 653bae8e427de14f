"""Keys of rows: read in their declared types, and remembered, to find the ones that come again."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nightjar.scoring.files.cells import Mask, Texts, Values, convert_fitting, matches, to_numpy

_WHOLE = r"^-?\d+$"
_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_INTEGERS = {"integer": pa.int32(), "bigint": pa.int64()}

Hashes = npt.NDArray[np.uint64]


def key_values(type_name: str, texts: Texts) -> tuple[Values, Mask | None]:
    """Return a key as values of its Postgres type, and where the texts are none; an empty field is none, too.

    Args:
        type_name: of Postgres.
        texts: an Arrow array of strings, null where the field is empty.
    """
    if type_name in _INTEGERS:
        values, _ = convert_fitting(texts, _WHOLE, lambda part: pc.cast(part, _INTEGERS[type_name]))
    elif type_name == "uuid":
        values, _ = convert_fitting(texts, _UUID, pc.utf8_lower)
    else:
        values = texts
    wrong = to_numpy(pc.is_null(values))
    filled = pc.fill_null(values, pa.scalar(0 if type_name in _INTEGERS else "", values.type))
    return to_numpy(filled), wrong if wrong.any() else None


def key_reason(name: str, type_name: str, text: str | None) -> str:
    """Tell why a text is no key."""
    if text is None:
        return f"{name} is empty"
    if type_name in _INTEGERS and matches(text, _WHOLE):
        return f"{name} is {text[:40]!r}, beyond the declared type {type_name}"
    return f"{name} is {text[:40]!r}, not of the declared type {type_name}"


def key_hashes(keys: Sequence[Values]) -> Hashes:
    """Return a hash of 64 bits for each row; of a single whole number it is that number, so no two are alike."""
    if len(keys) == 1 and keys[0].dtype.kind == "i":
        return keys[0].astype(np.int64).astype(np.uint64)
    frame = pd.DataFrame({str(place): key for place, key in enumerate(keys)})
    return np.asarray(pd.util.hash_pandas_object(frame, index=False), dtype=np.uint64)


def run_starts(hashes: Hashes) -> npt.NDArray[np.intp]:
    """Return where each run of equal hashes begins."""
    return np.flatnonzero(np.append(len(hashes) > 0, hashes[1:] != hashes[:-1])).astype(np.intp)


class SeenKeys:
    """The hashes of all keys so far, 8 bytes each: sorted runs, of which the shorter are merged again and again."""

    def __init__(self) -> None:
        self._runs: list[Hashes] = []

    def repeated(self, hashes: Hashes) -> Mask:
        """Return which hashes were there before, in an earlier call or further up in this one; and remember them."""
        unique, first = np.unique(hashes, return_index=True)
        known = np.zeros(len(unique), dtype=bool)
        for run in self._runs:
            places = np.minimum(np.searchsorted(run, unique), len(run) - 1)
            known |= run[places] == unique
        again = np.ones(len(hashes), dtype=bool)
        again[first[~known]] = False
        self._remember(unique[~known])
        return again

    def _remember(self, unique: Hashes) -> None:
        if len(unique):
            self._runs.append(unique)
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            joined = np.concatenate([self._runs.pop(), self._runs.pop()])
            joined.sort(kind="stable")
            self._runs.append(joined)
