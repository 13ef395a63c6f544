"""The training loop and the validation loop."""
