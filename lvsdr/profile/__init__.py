"""From the bytes of a profile to the objects that it asks for."""
