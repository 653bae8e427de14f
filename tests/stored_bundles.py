"""Bundles as today's code writes them, kept so that tomorrow's code can be asked to read them.

`python -m tests.stored_bundles v2` writes a new folder of them. What lies in a folder is never written again: such
bundles are on somebody's disk. When a change makes one of them unreadable, raise the format number (see
`nightjar.transfer.manifest`), have the older format read or refused by name, and add a folder.
"""

import sys
import tempfile
from pathlib import Path

from nightjar import transfer
from nightjar.storage import migrate
from nightjar.storage.embedded import start_server, stop_server
from nightjar.transfer import Mode
from nightjar.usecases import Kind
from tests.transfer_builders import register_with_serving

FOLDER = Path(__file__).parent / "fixtures" / "bundles"
FULL, SCORING = "full", "scoring"


def write(folder: Path) -> None:
    """Write a model with all its details, another that only scores, and the public key that signed both.

    Raises:
        FileExistsError: the folder is there.
    """
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="nightjar-", ignore_cleanup_errors=True) as scratch:
        data = Path(scratch) / "dev"
        database = start_server(data, "bundles")
        try:
            migrate.upgrade(database)
            key = transfer.make_key(Path(scratch) / "signing.pem")
            (folder / "signing.pub").write_bytes((Path(scratch) / "signing.pub").read_bytes())
            model = register_with_serving(database, Kind.CLASSIFICATION)
            transfer.export_models(database, [model.name], folder, FULL, key=key, actor="ada", part_bytes=50_000)
            other = register_with_serving(database, Kind.SEGMENTATION, name="customer_segments")
            transfer.export_models(database, [other.name], folder, SCORING, key=key, actor="ada", mode=Mode.SERVING)
        finally:
            stop_server(data)


if __name__ == "__main__":
    write(FOLDER / sys.argv[1])
