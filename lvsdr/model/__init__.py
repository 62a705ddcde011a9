"""The nouns: terms of the field, objects, changes and profiles."""
