"""What runs in the target Python. The host starts `__main__.py` by path and never imports this package."""
