"""L3: what builds and runs: container engines, conda, uv. The only place that imports docker."""
