"""The commands of `wardnet`: thin, every decision is made elsewhere."""
