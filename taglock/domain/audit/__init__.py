"""Judging what listings show against the ledger and the rules: values only."""
