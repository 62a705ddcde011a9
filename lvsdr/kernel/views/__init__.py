"""What lvsdr only reads of this host."""
