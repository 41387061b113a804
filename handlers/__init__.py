"""One module per trigger; each reads as the sentence of its trigger."""
