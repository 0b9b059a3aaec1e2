"""L5: does it train, and how fast."""
