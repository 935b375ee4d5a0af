"""Models that are part of the project."""
