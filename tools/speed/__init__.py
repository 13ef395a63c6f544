"""Measurements of what the package costs, one module for each subcommand of tools/benchmark.py."""
