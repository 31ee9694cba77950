"""`python -m jobs.doctor`: examines an installation; users add its output to bug reports."""
