"""TensorFlow: what is seen of each step, the step that is repeated, the trials."""
