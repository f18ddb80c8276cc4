"""The pages, a few in each file."""
