"""Whole catalogs between servers, by pg_dump and pg_restore."""

from nightjar.transfer.catalog.export import TableEstimate, estimate_catalog, export_catalog
from nightjar.transfer.catalog.importing import import_catalog

__all__ = ["TableEstimate", "estimate_catalog", "export_catalog", "import_catalog"]
