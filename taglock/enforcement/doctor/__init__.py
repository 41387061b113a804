"""The doctor: read what can be read without writing anything, and judge it."""
