"""The training loop, which resumes to the bit, and the validation of teacher and student."""
