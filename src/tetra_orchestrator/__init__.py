"""Runs chains of data pipelines with nothing resident between runs."""

__version__ = "0.1.0"
