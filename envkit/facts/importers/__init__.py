"""Importers: what people paste into bug reports, as a Snapshot.

Each module reads one kind of text and is pure. What a text does not hold stays None, "not read"; it is never
taken for absent. `detect` is the door.
"""
