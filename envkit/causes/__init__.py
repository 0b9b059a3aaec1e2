"""L2: the catalogue of causes, as data: what every detector points to."""

from envkit.causes.catalogue import CATALOGUE_FAMILIES, CHECKED_FAMILIES, catalogue, cause
from envkit.causes.model import Cause, CauseDataError, Step

__all__ = ["CATALOGUE_FAMILIES", "CHECKED_FAMILIES", "Cause", "CauseDataError", "Step", "catalogue", "cause"]
