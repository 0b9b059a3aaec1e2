"""Pure functions over a trace."""
