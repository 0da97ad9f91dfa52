"""Attempts that outlive us, each in the care of a wrapper."""
