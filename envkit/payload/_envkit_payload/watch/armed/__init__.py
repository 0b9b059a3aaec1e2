"""Tier 1: one step with every operation looked at."""
