"""Checkpoints: written whole or not at all, never run, and compared with the run that takes them."""
