"""Clips of real or generated videos: found in a folder, split, prepared once and kept."""
