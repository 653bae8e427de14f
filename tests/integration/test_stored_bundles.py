"""Bundles that were written long ago are imported, and their models score as they did."""

from pathlib import Path

import pytest

from nightjar import transfer
from nightjar.registry import Form
from nightjar.storage import Database
from tests.stored_bundles import FOLDER, FULL, SCORING


@pytest.mark.parametrize("folder", sorted(FOLDER.iterdir()), ids=lambda folder: folder.name)
@pytest.mark.parametrize(("bundle", "form"), [(FULL, Form.FULL), (SCORING, Form.SERVING)])
def test_a_stored_bundle_is_imported(prod_database: Database, folder: Path, bundle: str, form: Form) -> None:
    transfer.trust_key(prod_database, folder / "signing.pub", reason="of the stored bundles")
    imported = transfer.import_bundle(prod_database, folder, bundle, actor="ada")

    [model] = imported.models
    assert (imported.written, model.form, model.trained_in) == ((str(model.name),), form, "dev")
    [job] = transfer.transfer_jobs(prod_database)
    assert job.parity[str(model.name)]["rows"] == 20
