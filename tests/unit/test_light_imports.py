"""The catalog, transfers and the command line do without the libraries that models are made of."""

import subprocess
import sys

import pytest

HEAVY = "great_expectations onnx onnxruntime pandas scipy sklearn skops"
MODULES = ("nightjar.registry", "nightjar.snapshots", "nightjar.transfer", "nightjar.cli.main")


@pytest.mark.parametrize("module", MODULES)
def test_heavy_libraries_stay_out(module: str) -> None:
    probe = f"import sys, {module}; print(*[name for name in {HEAVY.split()!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
