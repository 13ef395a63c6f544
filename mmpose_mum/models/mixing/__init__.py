"""Mix tiles of images inside a backbone, and unmix them behind it."""
