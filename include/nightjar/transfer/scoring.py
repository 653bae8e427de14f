"""A model for scoring straight from its file, for those who have no database to import it into."""

from functools import partial
from pathlib import Path

from nightjar.errors import BundleError
from nightjar.registry import Predictor
from nightjar.transfer import isolation, single
from nightjar.transfer.keys import require_signed_by
from nightjar.transfer.verify import prove


def load_bundle(folder: Path, name: str, *, public_key: bytes, use_case: str) -> Predictor:
    """Verify a bundle of mode serving as an import would, and load the model in it that scores a use case.

    Args:
        folder: of the file.
        name: of the bundle.
        public_key: the key to believe.
        use_case: whose model is wanted.

    Raises:
        BundleError: there is none, it is incomplete or altered, or it holds no model of the use case, or several.
        UntrustedKeyError: another key signed it.
        ParityError: the model scores its sample differently here.
    """
    from nightjar.registry.serving import serving_predictor

    isolation.prepare()
    shipment = single.read_file(partial(require_signed_by, public_key), folder, name)
    if shipment is None:
        raise BundleError(
            f"There is no file {single.single_path(folder, name)}: 'nightjar model export --mode serving' makes one."
        )
    verified = prove(shipment)
    isolation.end()
    found = [model for model in verified.models if model.record.use_case == use_case]
    if len(found) != 1 or found[0].serving is None:
        names = ", ".join(str(model.record.name) for model in verified.models)
        raise BundleError(f"{name} holds {names}, not one model of {use_case}: export the one to score with.")
    with found[0].serving.open() as file:
        return serving_predictor(found[0].record, file.read())
