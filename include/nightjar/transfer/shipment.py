"""A shipment: the models that are on their way, wherever their bytes lie for now."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nightjar.errors import AlteredPartError, ArtifactError, BundleError
from nightjar.transfer.facts import Facts
from nightjar.transfer.manifest import FACTS_LIMIT_BYTES, Content, Entry, Manifest
from nightjar.transfer.streams import Source, pieces


@dataclass(frozen=True)
class Shipment:
    """A manifest, and for each of its entries the place of the bytes."""

    manifest: Manifest
    sources: Mapping[Entry, Source]
    bundle: str | None = None

    def content(self) -> Iterator[bytes]:
        """Yield the bytes of all entries, one piece at a time.

        Raises:
            ArtifactError: what is stored is not what is promised of it.
        """
        for entry in self.manifest.entries:
            digest = hashlib.sha256()
            for piece in pieces(self.sources[entry]):
                digest.update(piece)
                yield piece
            if digest.hexdigest() != entry.sha256:
                raise ArtifactError(
                    f"The stored {entry.content} of {entry.model} is damaged: import or train the model again."
                )

    def entry(self, model: str, content: Content) -> Entry | None:
        """Return the entry of a model's bytes of one sort, None when they are not carried."""
        return next((e for e in self.manifest.entries if (e.model, e.content) == (model, content)), None)

    def facts(self, model: str) -> Facts:
        """Return what is said of a model.

        Raises:
            BundleError: nothing is, too much, something malformed, or not what was signed.
        """
        entry = self.entry(model, Content.FACTS)
        if entry is None or entry.bytes > FACTS_LIMIT_BYTES:
            raise BundleError(f"The shipment does not say of {model} what it has to: export it again.")
        with self.sources[entry].open() as file:
            content = file.read()
        require_signed(entry, content)
        return Facts.from_bytes(content)


def require_signed(entry: Entry, content: bytes) -> None:
    """Refuse the content of an entry that has another sha256 than the manifest promises.

    Raises:
        AlteredPartError: it has.
    """
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise AlteredPartError(f"The {entry.content} of {entry.model} is not what was signed: export it again.")
