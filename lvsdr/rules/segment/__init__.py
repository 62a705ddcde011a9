"""Rules about the segment: which hosts claim a VIP, and which of them may."""
