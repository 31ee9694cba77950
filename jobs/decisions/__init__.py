"""Exports what people did, imports it, and says what still waits for its photo."""
