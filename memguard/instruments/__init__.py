"""Instruments read the process and decide nothing."""
