from focal_lib.losses.focal import FocalLoss

__all__ = ["FocalLoss"]
