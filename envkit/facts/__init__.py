"""L3: what a machine is, as one plain value."""
