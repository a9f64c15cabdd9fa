"""Measures of how good a separator is: metrics, the task matrix, intervals."""
