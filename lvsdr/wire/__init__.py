"""Frames: codecs apart from the socket, who answers for an address, and announcements."""
