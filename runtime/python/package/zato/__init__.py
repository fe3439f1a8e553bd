"""The names that services written for Zato import. Our own code, made from its public documentation."""
