"""What attempts take while they run: looks at the process table, rare enough to cost next to nothing."""
