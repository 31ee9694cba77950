"""Backups: copies of the database in files, each proved, and the way back."""
