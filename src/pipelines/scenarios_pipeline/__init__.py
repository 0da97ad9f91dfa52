"""Builds price scenarios from the stored market history."""
