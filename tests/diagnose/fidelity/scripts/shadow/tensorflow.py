import no_such_backend  # noqa: F401
