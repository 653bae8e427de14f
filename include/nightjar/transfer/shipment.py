"""A shipment: the models that are on their way, wherever their bytes lie for now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nightjar.errors import BundleError
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
        """Yield the bytes of all entries, one piece at a time."""
        for entry in self.manifest.entries:
            yield from pieces(self.sources[entry])

    def source(self, model: str, content: Content) -> Source | None:
        """Return where a model's bytes of one sort lie, None when they are not carried."""
        return next((self.sources[e] for e in self.manifest.entries if (e.model, e.content) == (model, content)), None)

    def facts(self, model: str) -> Facts:
        """Return what is said of a model.

        Raises:
            BundleError: nothing is, too much, or something malformed.
        """
        entry = next((e for e in self.manifest.entries if (e.model, e.content) == (model, Content.FACTS)), None)
        if entry is None or entry.bytes > FACTS_LIMIT_BYTES:
            raise BundleError(f"The shipment does not say of {model} what it has to: export it again.")
        with self.sources[entry].open() as file:
            return Facts.from_bytes(file.read())
