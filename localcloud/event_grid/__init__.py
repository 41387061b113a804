"""A local Event Grid: a system topic, subscriptions with retry and dead letters, and a custom topic."""
