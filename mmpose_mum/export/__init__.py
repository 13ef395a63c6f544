"""What leaves the training: a plain model, and labels to correct."""
