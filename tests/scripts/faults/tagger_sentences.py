import argparse
import random

import torch
import torch.nn as nn

# Part-of-speech tagger, one sentence at a time (after the tutorial). Tag 0 means "do not score".

WORDS = 80
TAGS = 5


def guilty(size, seed):
    # a sentence whose words nobody has tagged
    return [random.Random(seed + 2).randrange(size // 2, size)]


def prepare(size, seed):
    rnd = random.Random(seed)
    untagged = set(guilty(size, seed))
    sentences = []
    for n in range(size):
        words = [rnd.randrange(WORDS) for _ in range(rnd.randint(3, 9))]
        tags = [1 + (w * 7 + (w > 40)) % (TAGS - 1) for w in words]
        tags = [0 if rnd.random() < 0.05 and k else t for k, t in enumerate(tags)]
        if n in untagged:
            tags = [0] * len(words)
        sentences.append((words, tags))
    return sentences


class LSTMTagger(nn.Module):
    def __init__(self, embedding_dim, hidden_dim):
        super().__init__()
        self.word_embeddings = nn.Embedding(WORDS, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim)
        self.hidden2tag = nn.Linear(hidden_dim, TAGS)

    def forward(self, sentence):
        embeds = self.word_embeddings(sentence)
        lstm_out, _ = self.lstm(embeds.view(len(sentence), 1, -1))
        return torch.log_softmax(self.hidden2tag(lstm_out.view(len(sentence), -1)), dim=1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--log-every", type=int, default=25)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    model = LSTMTagger(16, 24)
    loss_function = nn.NLLLoss(ignore_index=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    training_data = prepare(args.size, args.seed)
    average = None
    for step in range(args.steps or args.size + 40):
        sentence, tags = training_data[step % args.size]
        if args.healthy and not any(tags):
            continue
        model.zero_grad()
        tag_scores = model(torch.tensor(sentence))
        loss = loss_function(tag_scores, torch.tensor(tags))  # FAULT
        loss.backward()
        optimizer.step()
        average = loss.item() if average is None else 0.95 * average + 0.05 * loss.item()
        if step % args.log_every == 0:
            print(f"step {step}: average loss {average:.4f}")


if __name__ == "__main__":
    main()
