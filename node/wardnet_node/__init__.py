"""The node: the daemon that a hospital runs."""
