"""The only modules that talk to anything outside: the registry, the ledger, the topic, the identity."""
