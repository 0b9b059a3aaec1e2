"""Compiled models and steps: none has a break that it had not."""

import torch
import torch._dynamo.testing
from kept import keep

torch.manual_seed(5)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.01), capturable=False)
counter = torch._dynamo.testing.CompileCounter()
compiled = torch.compile(model, backend=counter, fullgraph=True)
update = torch.compile(lambda: optimizer.step(), backend=counter)
losses = []
for _ in range(3):
    model.train()
    for _ in range(8):
        loss = compiled(torch.randn(16, 4)).square().mean()
        loss.backward()
        torch.compile(torch.nn.utils.clip_grad_norm_, backend=counter)(model.parameters(), 1.0)
        update()
        optimizer.zero_grad()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        losses.append(compiled(torch.ones(2, 4)).sum().item())
scripted = torch.jit.script(model)
traced = torch.jit.trace(model, torch.ones(2, 4))
print(counter.frame_count, counter.op_count, dict(torch._dynamo.utils.counters["graph_break"]))
print(scripted(torch.ones(2, 4)).sum().item(), traced(torch.ones(2, 4)).sum().item(), losses)
keep(model, losses)
