"""To go back in a run: copies of the process that wait, and reach nothing outside."""
