"""The segment: ask who has an address, listen, announce, and probe paths; frames and sockets."""
