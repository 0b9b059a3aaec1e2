"""Looks at the Python that it runs in. Standard library of Python 3.9 only; nothing of envkit's host side."""
