"""Artifacts larger than what should be in memory: stored from a file and read back piece by piece."""

import hashlib
import io
import subprocess
import sys
from pathlib import Path

import pytest

from nightjar.errors import ArtifactError
from nightjar.registry.artifacts import CHUNK_BYTES, read_chunks, write_artifact
from nightjar.storage import Database, Role

PIECES = 25
MEGABYTE = 1 << 20
# Reads and writes in a process of its own, and prints by how many bytes its memory grew at most.
STREAM = """
import re, sys
from pathlib import Path
from nightjar.registry.artifacts import read_chunks, write_artifact
from nightjar.storage import Database, Role

def peak():
    # Not of getrusage: that begins with the peak of the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

conninfo, source, target = sys.argv[1:]
with Database("dev", conninfo).connect(Role.TRAINER) as connection:
    before = peak()
    with Path(source).open("rb") as file:
        digest = write_artifact(connection, file)
    with Path(target).open("wb") as file:
        for chunk in read_chunks(connection, digest):
            file.write(chunk)
    print(peak() - before, digest)
"""


def test_memory_does_not_grow_with_the_artifact(dev_database: Database, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    piece = hashlib.shake_256(b"random").digest(CHUNK_BYTES)
    with source.open("wb") as file:
        for number in range(PIECES):
            file.write(number.to_bytes(1) + piece[1:])

    ended = subprocess.run(
        [sys.executable, "-c", STREAM, dev_database.conninfo, str(source), str(target)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    grown, digest = ended.stdout.split()
    assert source.stat().st_size == PIECES * CHUNK_BYTES == 200 * MEGABYTE
    assert CHUNK_BYTES < int(grown) < 80 * MEGABYTE
    with target.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest
    assert target.stat().st_size == source.stat().st_size


def test_a_format_and_size_are_kept(dev_database: Database) -> None:
    with dev_database.connect(Role.TRAINER) as connection:
        write_artifact(connection, b"full")
        write_artifact(connection, io.BytesIO(b"to serve"), "onnx")
        rows = connection.execute("SELECT format, byte_count FROM nightjar.artifact ORDER BY byte_count").fetchall()

    assert rows == [{"format": "skops", "byte_count": 4}, {"format": "onnx", "byte_count": 8}]


def test_a_file_is_read_from_its_start(dev_database: Database) -> None:
    with dev_database.connect(Role.TRAINER) as connection:
        file = io.BytesIO(b"content")
        file.seek(4)
        digest = write_artifact(connection, file)

        assert digest == hashlib.sha256(b"content").hexdigest()
        assert b"".join(read_chunks(connection, digest)) == b"content"


class Growing(io.BytesIO):
    """A file that somebody else is writing."""

    def seek(self, offset: int, whence: int = 0) -> int:
        super().seek(0, io.SEEK_END)
        self.write(b" and more")
        return super().seek(offset, whence)


def test_a_file_that_changes_meanwhile_is_refused(untouched_dev: Database) -> None:
    with untouched_dev.connect(Role.TRAINER) as connection:
        with pytest.raises(ArtifactError, match="changed while it was read: store it again"):
            write_artifact(connection, Growing(b"content"))
        connection.rollback()


def test_what_is_not_stored_is_damaged(untouched_dev: Database) -> None:
    with (
        untouched_dev.connect(Role.SCORER) as connection,
        pytest.raises(ArtifactError, match="stored artifact aaaaaaaaaaaa… is damaged"),
    ):
        list(read_chunks(connection, "a" * 64))
