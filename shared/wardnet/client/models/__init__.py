"""Models: learned, evaluated, validated, predicting, and handed on."""
