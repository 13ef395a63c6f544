"""Read, reduce and write configs."""
