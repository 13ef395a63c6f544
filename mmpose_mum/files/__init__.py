"""The disk: images, videos and jsons read, what is broken or misnamed told, files written whole."""
