"""Explain says why residue is there: where it was allocated, who holds it, which known kind of leak it is."""
