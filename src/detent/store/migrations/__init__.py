"""Numbered .sql files, forward only."""
