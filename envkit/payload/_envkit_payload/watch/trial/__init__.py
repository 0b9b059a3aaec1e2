"""Tier 2: what becomes of the run with one thing changed."""
