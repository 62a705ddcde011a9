"""Who speaks on the segment in the name of a VIP, and who should."""
