"""Continual audio-visual sound separation."""
