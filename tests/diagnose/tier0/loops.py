"""Training loops of many styles, run under the watcher by test_loops.py.

`python loops.py PAYLOAD FOLDER NAME...`

Each runs in a fork of its own, with the watcher started there, since importing torch takes longest. A name
may be several with `+` between: they run in one process, one after the other.
"""

import math
import os
import sys

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(0)
torch.set_num_threads(1)
X, Y = torch.randn(64, 4), torch.randn(64, 1)


def model():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


def guard_before_backward():
    """Healthy: a batch that gives NaN is left out before gradients are asked for."""
    net = model()
    opt = torch.optim.SGD(net.parameters(), lr=0.01)
    for step in range(30):
        x = X * float("nan") if step % 7 == 3 else X
        loss = functional.mse_loss(net(x), Y)
        if torch.isnan(loss):
            continue
        opt.zero_grad()
        loss.backward()
        opt.step()


def guard_after_backward():
    """Healthy: the same after, by the loss and by the norm."""
    net = model()
    opt = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range(40):
        x = X * float("inf") if step % 7 == 3 else X
        loss = functional.mse_loss(net(x), Y)
        opt.zero_grad()
        loss.backward()
        if step % 2 and not math.isfinite(loss.item()):
            continue
        norm = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        if not torch.isfinite(norm):
            opt.zero_grad()
            continue
        opt.step()


def masks():
    """Healthy: an Inf that nothing is made of, a weight that is -inf on purpose, an unused NaN."""
    net = model()
    fixed = nn.Parameter(torch.tensor([0.0, -math.inf, 1.0]))
    opt = torch.optim.SGD([*net.parameters(), fixed], lr=0.01)
    best = float("inf")
    for _ in range(30):
        out = net(X)
        logits = out.expand(-1, 2).masked_fill(torch.tensor([False, True]), -math.inf)
        unused = torch.log(out.detach().clamp(max=0) - 1)
        loss = functional.mse_loss(out, Y) - logits.softmax(1)[:, 0].mean() + fixed.softmax(0)[2]
        opt.zero_grad()
        loss.backward()
        opt.step()
        best = min(best, loss.item()) if unused is not None else best


def scaler():
    """Healthy: the scale starts too high, gradients overflow, steps are left out; then it trains."""
    net = model()
    opt = torch.optim.SGD(net.parameters(), lr=0.01)
    scaling = torch.amp.GradScaler("cpu", init_scale=2.0**40, growth_interval=200)
    for _ in range(60):
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = functional.mse_loss(net(X), Y.half())
        scaling.scale(loss).backward()
        scaling.unscale_(opt)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        scaling.step(opt)
        scaling.update()


def scaler_fused():
    """Healthy: the same where the optimiser itself leaves a step out."""
    net = model()
    opt = torch.optim.Adam(net.parameters(), lr=0.01, fused=True)
    scaling = torch.amp.GradScaler("cpu", init_scale=2.0**30)
    for _ in range(60):
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = functional.mse_loss(net(X), Y.half())
        scaling.scale(loss).backward()
        scaling.step(opt)
        scaling.update()


def scaler_never():
    """Fault: the gradient is bad at any scale, so that every step is left out while the loss looks well."""
    net = model()
    opt = torch.optim.SGD(net.parameters(), lr=0.01)
    scaling = torch.amp.GradScaler("cpu", init_scale=2.0**6)
    for _ in range(30):
        opt.zero_grad()
        loss = functional.mse_loss(net(X), Y) + torch.sqrt((net(X) * 0).sum() ** 2)
        scaling.scale(loss).backward()
        scaling.step(opt)
        scaling.update()


def large():
    """Healthy: gradients so large that their norm overflows, and are finite."""
    weight = nn.Parameter(torch.ones(4))
    opt = torch.optim.SGD([weight], lr=1e-25)
    for _ in range(20):
        loss = (weight * 3e19).sum()
        opt.zero_grad()
        loss.backward()
        opt.step()


def by_hand():
    """Fault at step 20: no optimiser; the weights are changed as in a tutorial."""
    weight = torch.zeros(4, 1, requires_grad=True)
    for step in range(30):
        loss = ((X @ weight - Y) ** 2).mean() * (1e30 if step == 20 else 1.0)
        loss.backward()
        with torch.no_grad():
            weight -= (1e12 if step == 20 else 0.05) * weight.grad
            weight.grad.zero_()
        if step == 25:
            print("steps done")


def by_hand_healthy():
    """Healthy, with `p.data.add_`, gradients of a part only."""
    net = model()
    for _ in range(40):
        loss = functional.mse_loss(net(X), Y)
        net.zero_grad()
        loss.backward()
        for one in net.parameters():
            one.data.add_(one.grad, alpha=-0.05)


def rare_row():
    """Fault at step 5: one row of a table goes bad and is used again only at step 90."""
    table, net = nn.Embedding(50, 4), model()
    opt = torch.optim.SGD([*table.parameters(), *net.parameters()], lr=0.01)
    for step in range(100):
        rows = torch.full((8,), 49) if step in (5, 90) else torch.arange(8)
        out = table(rows)
        if step == 5:
            out = out + torch.sqrt((out * 0).detach() + out * 0)
        loss = functional.mse_loss(net(out), Y[:8])
        opt.zero_grad()
        loss.backward()
        opt.step()


def sparse():
    """Fault at step 12 of the second optimiser: a sparse gradient."""
    table, net = nn.Embedding(50, 4, sparse=True), model()
    first = torch.optim.SGD(net.parameters(), lr=0.01)
    second = torch.optim.SGD(table.parameters(), lr=0.01)
    for step in range(40):
        rows = torch.arange(8) + step % 40
        out = net(table(rows))
        loss = functional.mse_loss(out, Y[:8]) + (table(rows) * 0).pow(0.5 if step == 12 else 2.0).sum()
        first.zero_grad()
        second.zero_grad()
        loss.backward()
        first.step()
        second.step()


class Backtracking(torch.optim.Optimizer):
    """Tries a step and halves it until the loss is finite and less."""

    def __init__(self, params):
        super().__init__(params, {"lr": 64.0})

    def step(self, closure):
        before = closure()
        (weight,) = self.param_groups[0]["params"]
        old, down, size = weight.detach().clone(), weight.grad.clone(), self.param_groups[0]["lr"]
        while size > 1e-9:
            with torch.no_grad():
                weight.copy_(old - size * down)
            if closure() < before:
                return
            size /= 2


def closures():
    """Healthy: line searches, one of which tries points where the loss is NaN."""
    weight = nn.Parameter(torch.tensor([3.0]))
    opt = Backtracking([weight])

    def closure():
        opt.zero_grad()
        loss = (weight - torch.log(weight)).sum()
        loss.backward()
        return loss.item()

    for _ in range(12):
        opt.step(closure)
    assert abs(weight.item() - 1) < 0.01
    net = model()
    second = torch.optim.LBFGS(net.parameters(), max_iter=5, line_search_fn="strong_wolfe")

    def again():
        second.zero_grad()
        loss = functional.mse_loss(net(X), Y)
        loss.backward()
        return loss

    for _ in range(5):
        second.step(again)


def closure_fault():
    """Fault at step 10: SGD with a closure, as Lightning does it."""
    net = model()
    opt = torch.optim.SGD(net.parameters(), lr=0.01)
    for step in range(20):
        x = torch.cat([X[:3], -X[3:]]) if step == 10 else X

        def closure(x=x, step=step):
            opt.zero_grad()
            out = net(x)
            loss = functional.mse_loss(out, Y) + (torch.sqrt(out * 0).sum() if step == 10 else 0.0)
            loss.backward()
            return loss

        opt.step(closure)


def accumulate():
    """Fault at step 4: the second of four parts of a batch."""
    net = model()
    opt = torch.optim.AdamW(net.parameters(), lr=0.01)
    for number in range(40):
        out = net(X[number % 4 :: 4])
        loss = functional.mse_loss(out, Y[number % 4 :: 4]) / 4
        if number == 17:
            loss = loss + torch.log(out.clamp(max=0).abs().sum() * 0)
        loss.backward()
        if number % 4 == 3:
            opt.step()
            opt.zero_grad()


def ignored_part():
    """Fault at step 6: the first of four parts has no target. Its gradients are zero, its loss is NaN."""
    net = model()
    opt = torch.optim.AdamW(net.parameters(), lr=0.01)
    for number in range(40):
        target = (Y[number % 4 :: 4] > 0).long().flatten()
        target = torch.full_like(target, -100) if number == 24 else target
        out = net(X[number % 4 :: 4])
        functional.cross_entropy(torch.cat([out, -out], 1), target).backward()
        if number % 4 == 3:
            opt.step()
            opt.zero_grad()


def guard_that_zeroes():
    """Healthy: the same, thrown away by zeros in place of its gradients."""
    net = model()
    opt = torch.optim.AdamW(net.parameters(), lr=0.01)
    for number in range(40):
        target = (Y > 0).long().flatten()
        target = torch.full_like(target, -100) if number % 7 == 3 else target
        out = net(X)
        loss = functional.cross_entropy(torch.cat([out, -out], 1), target)
        opt.zero_grad(set_to_none=False)
        loss.backward()
        if torch.isfinite(loss):
            opt.step()


def first_step():
    """Fault in the very first step."""
    net = model()
    opt = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(6):
        loss = torch.log(functional.mse_loss(net(X), Y) - 1e9)
        opt.zero_grad()
        loss.backward()
        opt.step()


def evaluation_only():
    """Fault at step 7: running statistics go bad and are used in evaluation only."""
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    opt = torch.optim.SGD(net.parameters(), lr=0.01)
    for step in range(20):
        loss = functional.mse_loss(net(X), Y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step == 7:
            with torch.no_grad():
                net[1].running_var.mul_(torch.zeros(8) / torch.zeros(8))
        if step % 10 == 9:
            net.eval()
            with torch.no_grad():
                functional.mse_loss(net(X), Y).item()
            net.train()


def adversarial():
    """Healthy: two optimisers in turns, a gradient penalty through autograd.grad."""
    critic, maker = model(), nn.Linear(2, 4)
    one = torch.optim.Adam(critic.parameters(), lr=1e-3)
    two = torch.optim.Adam(maker.parameters(), lr=1e-3)
    for _ in range(30):
        made = maker(torch.randn(16, 2))
        mixed = (X[:16] + made.detach()).requires_grad_()
        (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
        loss = critic(made.detach()).mean() - critic(X[:16]).mean() + (slope.norm(dim=1) - 1).pow(2).mean()
        one.zero_grad()
        loss.backward()
        one.step()
        two.zero_grad()
        (-critic(made).mean()).backward()
        two.step()


def forward_only():
    """Healthy: nothing is trained."""
    net = model().eval()
    with torch.no_grad():
        for _ in range(20):
            net(X)


def parts():
    """No loop: the parts of the watcher that need torch."""
    from _envkit_payload.watch.tier0.norms import Norms
    from _envkit_payload.watch.tier0.ring import EVERY, Ring

    norms = Norms(torch)
    big = torch.full((8,), 3e19)
    assert torch.isinf(norms.norm([big]))
    assert norms.finite([big, torch.ones(3)])
    assert not norms.finite([torch.ones(3), torch.tensor([1.0, math.nan])])
    assert norms.finite([torch.full((4,), 6e4, dtype=torch.float16)])
    assert norms.norm([torch.full((4,), 6e4, dtype=torch.float16), torch.ones(2)]).item() > 1e5
    assert norms.norm([]) is None and norms.finite([torch.empty(0)])
    table = nn.Embedding(5, 2, sparse=True)
    table(torch.tensor([1, 1])).sum().backward()
    found = norms.gradients(torch.optim.SparseAdam(table.parameters()))
    assert [tuple(one.shape) for one in found] == [(2, 2)]
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    leaves = norms.leaves((a * b.detach() + (a * 2).exp() * b.detach()).sum())
    assert len(leaves) == 1 and leaves[0] is a
    told = []
    ring = Ring(torch, lambda *one: told.append(one))
    for step in range(EVERY + 1):
        ring.put(step, "loss", torch.tensor(float(step)))
        if step != 3:
            ring.taken(step)
        ring.steps_ended(1)
    assert told == [(step, "loss", float(step), step != 3) for step in range(EVERY)]
    ring.finish()
    assert len(told) == EVERY + 1


def run(payload, folder, names):
    """In the child: watch, and train."""
    os.mkdir(folder)
    sys.path.insert(0, payload)
    from _envkit_payload.watch.notebook import Session

    session = Session(folder, None)
    for name in names.split("+"):
        globals()[name]()
    session.end(None)


if __name__ == "__main__":
    for names in sys.argv[3:]:
        pid = os.fork()
        if pid == 0:
            run(sys.argv[1], os.path.join(sys.argv[2], names.split("+")[0]), names)
            sys.exit()
        _, status = os.waitpid(pid, 0)
        print(names, os.waitstatus_to_exitcode(status), flush=True)
