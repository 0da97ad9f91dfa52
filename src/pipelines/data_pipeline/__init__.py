"""Ingests the market and macro CSV files into the store."""
