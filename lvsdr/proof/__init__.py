"""What the rules and the wire say, told together."""
