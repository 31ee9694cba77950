"""Compares the rows of a database with each other, and repairs derived data."""
