"""What the local Functions host refuses, each with a message for the developer of the app."""


class HostError(Exception):
    """The app cannot be hosted as it is."""


class IndexingFailed(HostError):
    """The worker could not index the app; carries its message and stack trace."""

    def __init__(self, message: str, stack_trace: str) -> None:
        super().__init__(message)
        self.message = message
        self.stack_trace = stack_trace


class UnsupportedBinding(HostError):
    """A function uses a binding that the local host does not have."""


class InvalidSetting(HostError):
    """A setting, host.json, a schedule or a binding expression is not usable."""


class OutputFailed(HostError):
    """A function returned what its output binding cannot write, or a blob has no usable path."""
