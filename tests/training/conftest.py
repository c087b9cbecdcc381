"""Small networks on one thread: with more, the threads would wait for each other longer than they compute."""

import torch

torch.set_num_threads(1)
