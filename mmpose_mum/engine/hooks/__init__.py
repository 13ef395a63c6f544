"""Hooks of the semi-supervised training: the teacher, checkpoints, and what watches the run."""
