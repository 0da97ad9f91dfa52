"""Jobs of Slurm, by its command line."""
