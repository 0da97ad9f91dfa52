"""The pure core: values in, values out. No clock, file, process, database, YAML or environment."""
