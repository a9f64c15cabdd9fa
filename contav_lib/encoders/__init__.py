"""Encoders of pictures: what an object looks like and how it moves, as vectors."""
