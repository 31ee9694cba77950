"""Makes, proves and restores backups, which are copies of the database in files."""
