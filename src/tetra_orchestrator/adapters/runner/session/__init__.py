"""Calls in a session: one worker process for many attempts."""
