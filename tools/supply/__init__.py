"""What other people's packages are, which licences they have, and what is known against them."""
