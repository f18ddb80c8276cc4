"""What is asked: the dictionary, the cohort, the query and its answer, as frozen values."""
