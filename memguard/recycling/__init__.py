"""Recycling lets a worker go when it must, in the way its own server knows."""
