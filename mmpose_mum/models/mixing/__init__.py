"""Mix tiles of images inside a backbone, and unmix them after it."""
