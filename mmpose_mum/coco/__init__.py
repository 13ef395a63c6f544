"""Jsons in COCO's layout: read, and checked entry by entry before they are used."""
