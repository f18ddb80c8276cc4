"""Studies: drafted, proposed, decided by hospitals, and chosen for a question."""
