"""The one error of the tools."""


class ToolFailed(Exception):
    """Something could not be built or checked; says what was wrong, the value, and what was expected."""
