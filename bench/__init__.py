"""Benchmarks: taglock against Microsoft's client used plainly and against a bare loop, in one run on one machine."""
