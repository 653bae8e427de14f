"""Models travel between databases as shipments: signed, verified whole, landed in one transaction."""

from nightjar.transfer.catalog import TableEstimate, estimate_catalog, export_catalog, import_catalog
from nightjar.transfer.direct import copy_models
from nightjar.transfer.existing import Existing
from nightjar.transfer.export import Estimate, estimate_export, export_models, export_serving, select_models
from nightjar.transfer.facts import Facts
from nightjar.transfer.filters import ModelFilter, parse_filter
from nightjar.transfer.importing import Imported, import_bundle, import_serving, promote, remapped
from nightjar.transfer.jobs import TransferJob, transfer_jobs
from nightjar.transfer.keys import SigningKey, make_key, revoke_key, signing_key, trust_key, trusted_keys
from nightjar.transfer.manifest import Manifest, Mode
from nightjar.transfer.scoring import load_bundle
from nightjar.transfer.verify import Proof, Verification, VerifiedModel, verify_bundle

__all__ = [
    "Estimate",
    "Existing",
    "Facts",
    "Imported",
    "Manifest",
    "Mode",
    "ModelFilter",
    "Proof",
    "SigningKey",
    "TableEstimate",
    "TransferJob",
    "Verification",
    "VerifiedModel",
    "copy_models",
    "estimate_catalog",
    "estimate_export",
    "export_catalog",
    "export_models",
    "export_serving",
    "import_bundle",
    "import_catalog",
    "import_serving",
    "load_bundle",
    "make_key",
    "parse_filter",
    "promote",
    "remapped",
    "revoke_key",
    "select_models",
    "signing_key",
    "transfer_jobs",
    "trust_key",
    "trusted_keys",
    "verify_bundle",
]
