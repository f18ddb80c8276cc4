"""Statistics: the contract of a method, and one file per method with all its halves."""
