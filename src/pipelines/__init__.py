"""The example workload: a chain of four data pipelines over market and macroeconomic series."""
