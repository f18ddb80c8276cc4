"""What the network's work took: bytes stored, time spent, results made; as table, JSON, figure."""
