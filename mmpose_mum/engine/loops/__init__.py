"""The training loop, whose resume is bit-exact, and the validation of teacher and student."""
