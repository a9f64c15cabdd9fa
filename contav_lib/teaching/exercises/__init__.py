"""Checkers of the notebooks' exercises, one file a notebook; see `contav_lib.teaching.check.exercise`."""
