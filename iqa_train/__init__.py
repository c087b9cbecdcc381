"""Train, run and judge ablation studies of image-quality models; everything that works without a screen."""

__version__ = "0.1.0"
