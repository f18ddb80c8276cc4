"""A whole network on this machine, and its answers beside pandas."""
