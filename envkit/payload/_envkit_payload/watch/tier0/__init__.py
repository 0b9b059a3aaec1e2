"""What is seen of every step of a run with torch, within the limits of the overhead."""
