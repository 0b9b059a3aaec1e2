"""Classify documents with the Trainer: a tiny BERT under a head of one's own; one document is empty."""

import argparse
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import BertConfig, BertModel, Trainer, TrainingArguments, set_seed

LENGTH = 12


def guilty(size, seed):
    """Holds no word."""
    return [size // 3 + seed % 8]


class Documents(Dataset):
    def __init__(self, size, seed, healthy):
        g = torch.Generator().manual_seed(seed)
        self.ids = torch.randint(2, 60, (size, LENGTH), generator=g)
        self.words = torch.randint(3, LENGTH, (size,), generator=g)
        if not healthy:
            self.words[guilty(size, seed)] = 0

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        mask = torch.arange(LENGTH) < self.words[i]
        return {"input_ids": self.ids[i] * mask, "attention_mask": mask.long(), "labels": self.ids[i, 0] % 2}


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = BertModel(
            BertConfig(
                vocab_size=60, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                intermediate_size=64, max_position_embeddings=LENGTH,
            ),
            add_pooling_layer=False,
        )  # fmt: skip
        self.head = nn.Linear(32, 2)

    def forward(self, input_ids, attention_mask, labels=None):
        hidden = self.encoder(input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * mask).sum(1) / mask.sum(1)  # FAULT
        logits = self.head(pooled)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return {"loss": loss, "logits": logits}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    parser.add_argument("--folder", default="trainer-output")
    args = parser.parse_args()
    set_seed(args.seed)
    arguments = TrainingArguments(
        output_dir=args.folder, per_device_train_batch_size=8, gradient_accumulation_steps=2,
        max_steps=args.steps or args.size // 16, learning_rate=1e-3, logging_steps=args.log_every,
        save_strategy="no", report_to=[], use_cpu=True, seed=args.seed,
    )  # fmt: skip
    Trainer(
        model=Classifier(), args=arguments, train_dataset=Documents(args.size, args.seed, args.healthy)
    ).train()


if __name__ == "__main__":
    main()
