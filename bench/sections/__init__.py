"""What is measured: one module for each question, with a function that returns its rows."""
