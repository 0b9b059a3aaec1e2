"""L4: error text and a Snapshot to ranked causes."""
