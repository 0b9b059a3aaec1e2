"""Losses of the rare-event detector."""
