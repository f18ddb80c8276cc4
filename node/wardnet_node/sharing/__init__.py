"""Record sharing between two hospitals."""
