"""Checkpoints: written whole or not at all, never run, compared with the run that takes them."""
