"""The budgets as ratios: every command timed beside GNU make and a bare interpreter, in the same rounds."""
