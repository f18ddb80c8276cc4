"""A method's local half over a snapshot, in spawned workers."""
