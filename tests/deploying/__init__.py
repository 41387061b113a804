"""Deployments: what runs is recorded and locked."""
