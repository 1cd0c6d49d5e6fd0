"""One network over several processes: its nodes are split, and what crosses the cut is exchanged (torch.distributed, gloo or NCCL)."""
