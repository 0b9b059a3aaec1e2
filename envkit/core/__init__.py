"""L1: errors and exit codes, report values, JSON codec, processes, the Machine, text."""
