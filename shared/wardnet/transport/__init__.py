"""The only room where values meet wire messages."""
