"""Pictures of results; they show what an answer tells, and never a row."""
