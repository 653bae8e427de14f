"""Models travel between databases as bundles: verified whole, imported in one transaction."""

from nightjar.transfer.bundle import Bundle, Manifest, Parity
from nightjar.transfer.export import export_model
from nightjar.transfer.importing import import_model, promote
from nightjar.transfer.verify import Verification, verify_bundle

__all__ = [
    "Bundle",
    "Manifest",
    "Parity",
    "Verification",
    "export_model",
    "import_model",
    "promote",
    "verify_bundle",
]
