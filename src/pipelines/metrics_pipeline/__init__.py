"""Measures return, risk and trend of every scenario."""
