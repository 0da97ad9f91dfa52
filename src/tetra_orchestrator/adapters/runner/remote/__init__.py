"""Attempts on other machines, each a job of an engine that is not ours, in the care of a worker of ours there."""
