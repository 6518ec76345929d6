"""crr-submit: measures TCP_CRR with netperf on this host, shows the report and sends it to a CRR
registry.
"""

__version__ = "0.1.0"
