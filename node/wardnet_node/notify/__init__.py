"""Tell the hospital's stewards that something waits for them, by mail or webhook."""
