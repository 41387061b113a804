"""What builds the deployed package and watches what it is made of; nothing of it is deployed."""
