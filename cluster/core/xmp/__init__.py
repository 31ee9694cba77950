"""Reads and writes the face regions in XMP packets, without files and without pixels."""
