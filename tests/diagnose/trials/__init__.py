"""Trials: what is changed, in which order, and what their outcome proves."""
