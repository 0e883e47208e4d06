"""Allocations as other tools read them: collapsed stacks, speedscope, pprof, and a flame graph that needs no tool."""
