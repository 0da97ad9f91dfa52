"""Writes the pages of the reference from the code: `make reference`."""
