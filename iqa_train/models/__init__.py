"""Backbone, fusion, hyper-network, target network."""
