"""Model updates under the contract of a method; the next rooms to be furnished."""
