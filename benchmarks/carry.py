"""Carries the model big@1 in a process of its own, and prints its seconds and the peaks of its memory.

It imports no more than a transfer does: python -m benchmarks.carry files|directly SOURCE TARGET FOLDER.
"""

import resource
import sys
import time
from pathlib import Path

from nightjar import transfer
from nightjar.registry import ModelName
from nightjar.storage import Database


def main(way: str, source: Database, target: Database, folder: Path) -> None:
    """Print the seconds, and the peaks in MB of this process and of the one that proves the model."""
    key, models = transfer.keys.load_key(folder / "signing.pem"), [ModelName("big", 1)]
    started = time.perf_counter()
    if way == "files":
        transfer.export_models(source, models, folder, "big_", key=key, actor="benchmark")
        transfer.import_bundle(target, folder, "big_", actor="benchmark")
    else:
        transfer.copy_models(source, target, models, key=key, actor="benchmark")
    seconds = time.perf_counter() - started
    transfer.isolation.end()
    print(seconds, _own_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000)


def _own_peak() -> float:
    # What getrusage says of a process counts the one that started it, too.
    status = Path("/proc/self/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1000


main(sys.argv[1], Database("big", sys.argv[2]), Database("target", sys.argv[3]), Path(sys.argv[4]))
