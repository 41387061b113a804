"""Doing what was planned: the only package between the pure domain and the ports."""
