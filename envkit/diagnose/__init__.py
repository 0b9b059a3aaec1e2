"""L5: why is the loss NaN, why does it not learn, why is it slow."""
