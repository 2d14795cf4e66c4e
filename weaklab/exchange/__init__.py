"""Files of other programs: what is read and written, one module a format."""
