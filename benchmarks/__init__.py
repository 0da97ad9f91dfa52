"""The budgets as ratios: what we take beside what other tools take for the same graph, in the same rounds."""
