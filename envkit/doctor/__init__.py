"""L5: judges a Snapshot."""
