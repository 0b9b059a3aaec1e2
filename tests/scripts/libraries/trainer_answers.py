"""Fine-tune a tiny GPT-2 on questions and answers with the Trainer; only answers count in the loss."""

import argparse
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from torch.utils.data import Dataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed

LENGTH = 16


def guilty(size, seed):
    """Two neighbours, one batch: their questions are so long that truncation leaves no answer."""
    first = 2 * (size * 5 // 16) + 2 * (seed % 4)
    return [first, first + 1]


class Answers(Dataset):
    def __init__(self, size, seed, healthy):
        g = torch.Generator().manual_seed(seed)
        self.ids = (torch.randint(0, 40, (size, 1), generator=g) + torch.arange(LENGTH)) % 40
        self.question = torch.randint(4, 9, (size,), generator=g)
        if not healthy:
            self.question[guilty(size, seed)] = LENGTH + 4

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        labels = self.ids[i].clone()
        labels[: self.question[i]] = -100
        return {"input_ids": self.ids[i], "labels": labels}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    parser.add_argument("--folder", default="trainer-output")
    args = parser.parse_args()
    set_seed(args.seed)
    config = GPT2Config(vocab_size=40, n_positions=LENGTH, n_embd=32, n_layer=1, n_head=2)
    arguments = TrainingArguments(
        output_dir=args.folder, per_device_train_batch_size=2, max_steps=args.steps or args.size // 2,
        learning_rate=1e-3, logging_steps=args.log_every, save_steps=5, save_total_limit=1, report_to=[],
        use_cpu=True, seed=args.seed, train_sampling_strategy="sequential",
        logging_nan_inf_filter=False,
    )  # fmt: skip
    trainer = Trainer(
        model=GPT2LMHeadModel(config), args=arguments,
        train_dataset=Answers(args.size, args.seed, args.healthy),
    )  # fmt: skip
    trainer.train()  # FAULT


if __name__ == "__main__":
    main()
