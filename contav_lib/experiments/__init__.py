"""Whole experiments: run one, keep its result, compare many, search settings, study questions."""
