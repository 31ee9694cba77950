"""`python -m jobs.doctor`: what a user runs when something is wrong, and adds to a bug report."""
