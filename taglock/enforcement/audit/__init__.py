"""Auditing registries: reading, recording and repairing around the pure judgement of taglock.domain.audit."""
