"""Hooks of the semi-supervised training: teacher, checkpoints, and monitors."""
