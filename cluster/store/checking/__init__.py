"""Compares the rows of a database with each other, and mends what can be derived again."""
