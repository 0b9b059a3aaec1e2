"""Importers: what people paste, as a Snapshot."""
