"""A run from its start again, with the same seeds."""
