"""Pure rules, plans and values: no clock, environment, logging or network."""
