"""Layers that the separators share."""
