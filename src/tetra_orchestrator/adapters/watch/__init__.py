"""Looks at things that are not ours: files, databases, addresses."""
