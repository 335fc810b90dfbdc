"""Timings against peers; each module says how it measures."""
