"""Methods that look for structure where no outcome is given: components and clusters."""
