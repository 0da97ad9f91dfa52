"""Limits of one attempt: kept by the kernel, watched, or told to be neither."""
