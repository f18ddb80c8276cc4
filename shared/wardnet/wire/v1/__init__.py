"""Generated from proto/wardnet/wire/v1 by scripts/generate_wire.py; never edited."""
