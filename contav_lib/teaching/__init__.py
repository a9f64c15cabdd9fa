"""Exercises that check themselves, and the notebooks executed from top to bottom."""
