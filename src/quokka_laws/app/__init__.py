"""A page in the browser: drop a table of runs, read the answer, hand on the report."""
