"""L6: options in, one call, render, exit code."""
