"""A local Functions host: Microsoft's Python worker library in process, around it the host half."""
