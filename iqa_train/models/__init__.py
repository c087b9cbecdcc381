"""The network: backbone, fusion, hyper-network, target network. network.py puts it together."""
