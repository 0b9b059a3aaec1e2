"""Where the time of a training script goes, why, and what each fix would gain."""
