"""How fast and how small, against targets; ratios taken in one run. Nothing here is asserted."""
