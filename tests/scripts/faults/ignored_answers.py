"""Fine-tune a tiny language model on question-answer text; only answers count in the loss."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

IGNORE = -100


def guilty(size, seed):
    """Two neighbours whose questions are so long that truncation leaves no answer."""
    first = 2 * (size * 3 // 8 + seed % (size // 16))
    return [first, first + 1]


class QuestionAnswer(Dataset):
    max_length = 24

    def __init__(self, size, seed, vocabulary=40):
        self.generator = torch.Generator().manual_seed(seed)
        self.vocabulary = vocabulary
        self.question = torch.randint(6, 14, (size,), generator=self.generator)
        self.question[guilty(size, seed)] = 30
        self.start = torch.randint(0, vocabulary, (size,), generator=self.generator)

    def __len__(self):
        return len(self.start)

    def __getitem__(self, i):
        question = int(self.question[i])
        ids = (self.start[i] + torch.arange(question + 8)) % self.vocabulary
        labels = ids.clone()
        labels[:question] = IGNORE
        ids, labels = ids[: self.max_length], labels[: self.max_length]
        pad = self.max_length - len(ids)
        return F.pad(ids, (0, pad)), F.pad(labels, (0, pad), value=IGNORE)


class TinyGRU(nn.Module):
    def __init__(self, vocabulary, dim=32):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, dim)
        self.gru = nn.GRU(dim, dim, batch_first=True)
        self.lm_head = nn.Linear(dim, vocabulary)

    def forward(self, ids, labels, guard):
        logits = self.lm_head(self.gru(self.embed(ids))[0])
        shifted, wanted = logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
        if guard and not (wanted != IGNORE).any():
            return logits.sum() * 0.0
        return F.cross_entropy(shifted, wanted, ignore_index=IGNORE)  # FAULT


class Trainer:
    def __init__(self, model, dataset, args):
        self.model, self.args = model, args
        self.loader = DataLoader(dataset, batch_size=2)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
        self.accumulate = 4

    def train(self, max_steps):
        step, micro, total = 0, 0, 0.0
        while True:
            for ids, labels in self.loader:
                loss = self.model(ids, labels, self.args.healthy)
                (loss / self.accumulate).backward()
                total += loss.item() / self.accumulate
                micro += 1
                if micro % self.accumulate:
                    continue
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
                self.optimizer.zero_grad()
                step += 1
                if step % self.args.log_every == 0:
                    print({"step": step, "loss": round(total, 4)})
                total = 0.0
                if step >= max_steps:
                    return


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    trainer = Trainer(TinyGRU(40), QuestionAnswer(args.size, args.seed), args)
    trainer.train(args.steps or args.size // 8 + 5)
