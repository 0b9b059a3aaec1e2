"""Pure functions from a trace to suspicions."""
