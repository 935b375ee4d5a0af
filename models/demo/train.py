"""Runs all stages, each where it stopped: `python -m models.demo.train --work DIR`."""

import argparse
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Large blocks stay in the process instead of being mapped and zeroed at every step.
if "MALLOC_MMAP_THRESHOLD_" not in os.environ:
    os.environ.update(MALLOC_MMAP_THRESHOLD_="1073741824", MALLOC_TRIM_THRESHOLD_="1073741824")
    os.execv(sys.executable, [sys.executable, "-m", "models.demo.train", *sys.argv[1:]])

import torch.multiprocessing as processes  # noqa: E402

from .parallel import Group, leave_with_parent, quiet_threads  # noqa: E402
from .work import Work  # noqa: E402


def stages():
    """Name, file that says it is done, and work, in order."""
    from . import adapters, latents, text, unet, vae, vocabulary

    return [
        ("vae", "vae.pt", vae.train_vae),
        ("tokenizer", "tokenizer.json", vocabulary.make),
        ("text", "text.pt", text.train),
        ("latents", "latents.json", latents.make),
        ("unet", "unet.pt", unet.train),
        ("decoder", "decoder.pt", vae.train_decoder),
        ("adapters", "adapters.json", adapters.train),
    ]


def _process(rank: int, folder: str, world: int, only: str, port: int) -> None:
    quiet_threads()
    if world > 1:
        leave_with_parent()
    work, group = Work(folder, rank), Group(rank, world, port)
    for name, product, run in stages():
        if only and name != only or not only and group.agree(float(work.has(product))):
            continue
        work.log(name, "begins")
        run(work, group)
        group.agree(0.0)
        work.log(name, "is done")
    group.close()


def finish(work: Work, stage: str) -> None:
    """Shortens a stage's plan so that its learning rate begins to fall now."""
    from . import text, unet, vae

    plan = work.plan(stage, {"vae": vae.VAE_PLAN, "text": text.PLAN, "unet": unet.PLAN, "decoder": vae.DECODER_PLAN}[stage])
    step = work.load(f"{stage}.state.pt")["step"]
    steps = int(step / (1 - plan.decay)) + 1
    if steps >= plan.steps:
        print(f"{stage}: step {step} of {plan.steps}, the rate falls already")
        return
    changed = work.load_json(f"{stage}.plan.json") if work.has(f"{stage}.plan.json") else {}
    work.save_json(f"{stage}.plan.json", changed | {"steps": steps})
    print(f"{stage}: step {step}, ends at {steps} instead of {plan.steps}. Start the training again.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="folder for everything that is made; a second run goes on there")
    parser.add_argument("--processes", type=int, default=2, help="processes that average their gradients, one thread each")
    parser.add_argument("--only", default="", help="one stage: " + ", ".join(name for name, _, _ in stages()))
    parser.add_argument("--port", type=int, default=29617, help="local port through which the processes meet")
    parser.add_argument("--finish", default="", metavar="STAGE", help="let a stopped stage's rate fall from here on, and say when it will end")
    options = parser.parse_args()
    if options.finish:
        finish(Work(options.work), options.finish)
        return
    arguments = (options.work, options.processes, options.only, options.port)
    if options.processes == 1:
        _process(0, *arguments)
    else:
        processes.spawn(_process, arguments, nprocs=options.processes)


if __name__ == "__main__":
    main()
