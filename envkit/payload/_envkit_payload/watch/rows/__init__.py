"""Which samples of the person's data the rows of a batch are."""
