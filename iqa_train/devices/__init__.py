"""GPUs as the driver reports them, CPU slots, and who holds them."""
