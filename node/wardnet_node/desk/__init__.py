"""What the hospital decides on: which queries it accepts."""
