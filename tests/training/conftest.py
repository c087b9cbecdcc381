"""Small networks on one thread: more would wait for each other, and for other programs, longer than they compute."""

import torch

torch.set_num_threads(1)
