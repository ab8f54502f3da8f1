"""Sealing values, so that the store never sees one. Does not know the store."""
