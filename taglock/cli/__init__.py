"""`python -m taglock`: the same domain and adapters from a terminal."""
