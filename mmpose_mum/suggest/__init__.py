"""Which unlabeled people to label next: how they are scored, and how they are chosen."""
