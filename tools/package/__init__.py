"""The deployed folder and its zip."""
