"""Residue decides what leaks: pure functions and bookkeeping, without a clock, a collector or a thread."""
