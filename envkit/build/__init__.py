"""L5: a plan to files, files to an environment, an environment to a proof."""
