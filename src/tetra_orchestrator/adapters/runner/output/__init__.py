"""The output of attempts that passes through us: masked, capped, written to the log."""
