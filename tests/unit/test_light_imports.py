"""The catalog, transfers, scoring and the command line do without the libraries that models are made of."""

import subprocess
import sys

import pytest

HEAVY = {"great_expectations", "numba", "onnx", "onnxruntime", "pandas", "scipy", "sklearn", "skops"}
# What scores takes the runtime of serving models along, which is small.
MODULES = {
    "nightjar.registry": HEAVY,
    "nightjar.scoring": HEAVY - {"onnx", "onnxruntime"},
    "nightjar.snapshots": HEAVY,
    "nightjar.transfer": HEAVY,
    "nightjar.cli.main": HEAVY,
}


@pytest.mark.parametrize(("module", "heavy"), MODULES.items())
def test_heavy_libraries_stay_out(module: str, heavy: set[str]) -> None:
    probe = f"import sys, {module}; print(*[name for name in {sorted(heavy)!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
