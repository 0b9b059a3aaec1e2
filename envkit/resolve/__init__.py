"""L4: a request and the compatibility data to a plan or a refusal."""
