"""The disk: read images, videos and jsons, report broken and misnamed files, write whole files."""
