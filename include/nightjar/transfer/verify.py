"""Proves a shipment: every byte, every type, every score, before anything is imported."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from nightjar.errors import BundleError, ParityError
from nightjar.registry import Decision, Form, ModelRecord, ParitySample, Trial
from nightjar.registry.predictor import Outputs
from nightjar.storage import Database, Role
from nightjar.transfer import isolation, single
from nightjar.transfer.facts import Facts
from nightjar.transfer.files import prove_parts, read_manifest, stretch_of
from nightjar.transfer.isolation import Carried, scores
from nightjar.transfer.keys import require_trusted
from nightjar.transfer.manifest import Content, Entry, Identity, Manifest, Mode
from nightjar.transfer.shipment import Shipment
from nightjar.transfer.streams import Source

# Of the full model, on another machine.
FULL_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Proof:
    """How near a carried model came to the exporter's scores.

    largest_difference: of values above 1, relative to them.
    """

    rows: int
    largest_difference: float
    tolerance: float


@dataclass(frozen=True)
class VerifiedModel:
    """A carried model that was proved."""

    facts: Facts
    artifact: Source | None
    serving: Source | None
    proof: Proof

    @property
    def record(self) -> ModelRecord:
        """What is known of it."""
        return self.facts.record

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Its leaderboard."""
        return self.facts.trials

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What the gates said of it."""
        return self.facts.decisions


@dataclass(frozen=True)
class Verification:
    """What was proved of a shipment."""

    shipment: Shipment
    models: tuple[VerifiedModel, ...]

    @property
    def manifest(self) -> Manifest:
        """What it holds, from where, signed by whom."""
        return self.shipment.manifest


def open_bundle(database: Database, folder: Path, name: str) -> Shipment:
    """Return the shipment in a bundle's files, whose signature and bytes are proved.

    Raises:
        BundleNameError: no bundle can have the name.
        BundleError: it is incomplete, altered, malformed, unsigned, or of a newer format.
        UntrustedKeyError: the database does not trust the key that signed it.
    """
    isolation.prepare()
    with database.connect(Role.DEPLOYER) as connection:
        shipment = single.read_file(partial(require_trusted, connection), folder, name)
        if shipment is not None:
            return shipment
        manifest = read_manifest(connection, folder, name)
    prove_parts(folder, manifest)
    sources: dict[Entry, Source] = {entry: stretch_of(folder, manifest, entry) for entry in manifest.entries}
    return Shipment(manifest, sources, name)


def verify_bundle(database: Database, folder: Path, name: str) -> Verification:
    """Prove a bundle as a database would that is to import it; nothing is written.

    Raises:
        BundleError: it is incomplete, altered, malformed, unsigned, or of a newer format.
        UntrustedKeyError: the database does not trust the key that signed it.
        ArtifactError: an artifact holds types that are not trusted.
        ParityError: a model scores its sample differently.
    """
    return prove(open_bundle(database, folder, name))


def prove(shipment: Shipment) -> Verification:
    """Prove what a shipment holds; its signature was.

    Raises:
        BundleError, ArtifactError, ParityError: as of a bundle.
    """
    if shipment.manifest.mode is Mode.SCHEMA:
        raise BundleError(f"{shipment.bundle} holds a whole catalog, not models: import it in mode schema.")
    return Verification(shipment, tuple(_prove_model(shipment, identity) for identity in shipment.manifest.models))


def _prove_model(shipment: Shipment, identity: Identity) -> VerifiedModel:
    facts = shipment.facts(identity.name)
    record = facts.record
    if (str(record.name), record.use_case, record.sha256) != (identity.name, identity.use_case, identity.sha256):
        raise BundleError(f"The manifest promises {identity.name}, what is said of it is of another: export it again.")
    form = Form.SERVING if shipment.manifest.mode is Mode.SERVING else Form.FULL
    artifact = shipment.entry(identity.name, Content.ARTIFACT)
    serving = shipment.entry(identity.name, Content.SERVING)
    if record.form is not form or (facts.serving is None) != (serving is None):
        raise BundleError(f"The shipment says of {identity.name} what it does not hold: export it again.")
    _require_identity(shipment, identity, form)
    proof = None
    if artifact is not None and form is Form.FULL:
        proof = _compare(record, facts.sample, Carried(form, artifact, shipment.sources[artifact]), FULL_TOLERANCE)
    if serving is not None and facts.serving is not None:
        carried = Carried(Form.SERVING, serving, shipment.sources[serving])
        again = _compare(record, facts.sample, carried, facts.serving.tolerance)
        proof = proof or again
    if proof is None:
        raise BundleError(f"The shipment holds nothing that {identity.name} could score with: export it again.")
    return VerifiedModel(facts, _source(shipment, artifact), _source(shipment, serving), proof)


def _source(shipment: Shipment, entry: Entry | None) -> Source | None:
    return None if entry is None else shipment.sources[entry]


def _require_identity(shipment: Shipment, identity: Identity, form: Form) -> None:
    """Refuse a full model that is not the registered one."""
    digests = {entry.content: entry.sha256 for entry in shipment.manifest.entries if entry.model == identity.name}
    if form is Form.FULL and digests.get(Content.ARTIFACT) != identity.sha256:
        raise BundleError(f"The artifact carried is not the one that {identity.name} was registered with.")


def _compare(record: ModelRecord, sample: ParitySample, carried: Carried, tolerance: float) -> Proof:
    """Score the sample and return how near the answers come."""
    width = len(record.signature.inputs)
    if not sample.rows or any(len(row) != width for row in sample.rows):
        raise BundleError(f"The sample of {record.name} does not have the model's {width} columns.")
    outputs = scores(record, carried, sample.matrix())
    if outputs.keys() != sample.outputs.keys():
        raise BundleError(f"The sample of {record.name} has other outputs than the model.")
    largest = max(_difference(record, name, outputs, sample) for name in outputs)
    if not largest <= tolerance:
        raise ParityError(
            f"{record.name} scores its sample otherwise here than where it was exported (off by {largest:.2g}): align "
            "the package versions with those in the manifest."
        )
    return Proof(len(sample.rows), largest, tolerance)


def _difference(record: ModelRecord, name: str, outputs: Outputs, sample: ParitySample) -> float:
    expected, found = np.array(sample.outputs[name]), outputs[name].astype(float)
    if expected.shape != found.shape:
        raise BundleError(f"The sample of {record.name} lacks scores of some rows.")
    return float((np.abs(found - expected) / np.maximum(1, np.abs(expected))).max())
