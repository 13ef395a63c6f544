"""Jsons in COCO's layout: read, and checked entry by entry before anything believes them."""
