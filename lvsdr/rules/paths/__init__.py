"""What becomes of requests on their way through a real server.

`path_findings` judges probes by the table of faults in `path_faults`; `vip_given_up` the VIPs that
this host itself still sends elsewhere.
"""
