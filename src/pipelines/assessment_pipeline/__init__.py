"""Backtests trading strategies on every scenario and ranks them."""
