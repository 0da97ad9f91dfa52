"""The command line: parse, call, print. The only place that prints, and the composition root's only user."""
