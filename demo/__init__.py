"""The demonstration: real images, a checking client of its own, and the steps that use both."""
