"""Exports and imports decisions, and lists those that wait for their photo or face."""
