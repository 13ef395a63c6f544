"""Hooks of the semi-supervised training."""
