"""What `ipvsadm -S` writes and `ipvsadm -R` reads: the table that it makes, as profiles."""
