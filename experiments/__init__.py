"""Every experiment of the catalogue: one flat file each, found by `registry`."""
