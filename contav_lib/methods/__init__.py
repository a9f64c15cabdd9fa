"""Continual-learning methods: what is added to the separation loss so that old classes are not forgotten."""

from contav_lib.methods.method import Method, method_class, register_method

__all__ = ["Method", "method_class", "register_method"]
