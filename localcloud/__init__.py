"""The local stand-in for Azure: a registry, events, an identity and a host that need no cloud."""
