"""Models as they are handed on: a signed question, its signed answer, and what they say."""
