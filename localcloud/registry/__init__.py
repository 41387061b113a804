"""An emulator of Azure Container Registry, written from the protocol and from recorded traffic."""
