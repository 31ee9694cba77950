"""XMP, as far as face regions need it: packets in and out, without files and without pixels."""
