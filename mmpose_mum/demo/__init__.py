"""The embedded demo's data: synthetic people, drawn and labeled without a download."""
