"""The embedded demo: synthetic people with labels."""
