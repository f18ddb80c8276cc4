"""Studies and agreements: what a hospital has signed to allow."""
