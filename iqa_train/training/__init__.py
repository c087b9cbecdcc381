"""Training: worker processes, the loop, losses, optimizer, evaluation, checkpoints. Start reading at trainer.py."""
