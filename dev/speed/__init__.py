"""Measurements of what the package costs, one module for each subcommand of dev/benchmark.py."""
