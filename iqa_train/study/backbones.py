"""What names of backbones and weights stand for, as far as it matters without a network."""

SIZED_BACKBONES = ("swin", "demo")
"""The backbones for which model_size says anything."""

HYPER_REDUCTION = {"resnet50": (1024, 512)}
"""Backbone -> channels between the fused features and the hyper-network's last map, where they are not 512 and 256."""

# timm's untagged names pretrain tiny on ImageNet-1k but small and base on 22k: a size ablation would change both.
PINNED_WEIGHTS = {"swin": "ms_in22k_ft_in1k", "resnet50": "tv_in1k"}
"""Backbone -> the tag of timm's weights that weights = "imagenet" means."""
