"""The systems that V-VIPE is compared with, each trained on the same poses and views."""
